/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The titles of problems, which the daemon gives in English, for those who translate: as core/base/errors.list has them.
 */
#include "problem.h"

const char *const cli_problem_titles[] = {
  N_("The engine failed"),
  N_("No such object"),
  N_("It exists already"),
  N_("It conflicts with another object"),
  N_("The engine refused the permission"),
  N_("The engine refused the credentials"),
  N_("It is busy"),
  N_("Invalid input"),
  N_("No such image"),
  N_("The engine cannot be reached"),
  N_("It took too long"),
  N_("Not supported"),
  N_("A limit of the engine is reached"),
  N_("The request cannot be read"),
  N_("No valid credential"),
  N_("Not permitted"),
  N_("Not possible in this state"),
  N_("No longer there"),
  N_("It has changed meanwhile"),
  N_("Too large"),
  N_("Quota exceeded"),
  N_("Too many requests"),
  N_("Method not allowed"),
  N_("The key was used for another request"),
  N_("Interrupted by a restart or a shutdown"),
  N_("The store cannot be written"),
  N_("The store is full"),
  N_("Internal error"),
  N_("The request took too long"),
  N_("The head of the request is too large"),
  N_("The media type is not supported"),
  N_("Too much at once"),
  N_("A WebSocket is needed here"),
  N_("It names another identity"),
  N_("The range is not in it"),
  NULL,
};
