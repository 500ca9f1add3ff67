#!/bin/bash
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A private Docker Engine in a folder of its own. It shares nothing with an engine of the machine.
#
#   tests/dockerd.sh find                       prints the URL of an engine that answers: DOCKER_HOST, else the machine's
#   tests/dockerd.sh start DIR [FLAG...]        starts one on unix://DIR/docker.sock; FLAGs go to dockerd
#   tests/dockerd.sh stop DIR                   stops it and all that it runs
#   tests/dockerd.sh restart DIR                both, one after the other
#   tests/dockerd.sh image URL NAME [FILE...]   makes an image of busybox (and FILEs in /) without a registry
#
# It has a bridge of its own and leaves the packet filter alone, so that it disturbs no other engine; where that does not work
# it has no network. With OUTSIDE=1 its containers reach other machines, too: three rules, which `stop` takes away again.
set -eu
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY

say () { echo "engine: $*"; }

# ask URL PATH [CURL-OPTION...]
ask () {
  local url=$1 path=$2
  shift 2
  case $url in
    unix://*) curl -sS --max-time 60 --unix-socket "${url#unix://}" "$@" "http://docker$path" ;;
    tcp://*) curl -sS --max-time 60 "$@" "http://${url#tcp://}$path" ;;
    *) return 1 ;;
  esac
}

answers () { [ "$(ask "$1" /_ping 2>/dev/null)" = OK ]; }

# is the process of pid file $1 alive, and is it $2?
alive () {
  local pid
  pid=$(cat "$1" 2>/dev/null) || return 1
  [ -n "$pid" ] && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$2" ]
}

# end NAME PID-FILE SECONDS: asks it to end, then makes it end
end () {
  local pid tries=$(($3 * 10))
  alive "$2" "$1" || return 0
  pid=$(cat "$2")
  kill "$pid" 2>/dev/null || return 0
  while [ "$tries" -gt 0 ] && [ -d "/proc/$pid" ]; do
    sleep 0.1
    tries=$((tries - 1))
  done
  [ ! -d "/proc/$pid" ] || kill -9 "$pid" 2>/dev/null || true
}

find_engine () {
  local url
  for url in "${DOCKER_HOST:-}" unix:///var/run/docker.sock; do
    if [ -n "$url" ] && answers "$url"; then
      echo "$url"
      return 0
    fi
  done
  return 1
}

mount_cgroups () {
  if ! grep -q ' /sys/fs/cgroup[ /]' /proc/mounts; then
    say "mounting control groups"
    if [ -f /sys/fs/cgroup/cgroup.controllers ] || ! cgroupfs-mount 2>/dev/null; then
      mount -t cgroup2 cgroup2 /sys/fs/cgroup
    fi
  fi
}

# the name of this folder's bridge: at most 15 characters
bridge_name () { echo "thole$(echo "$1" | cksum | cut -d' ' -f1 | tail -c 9)"; }

# the third number of this folder's addresses; the folder remembers it, so that no other bridge has the same
subnet_number () {
  local number
  if [ ! -f "$1/subnet" ]; then
    number=$(($(echo "$1" | cksum | cut -d' ' -f1) % 250 + 2))
    for _ in $(seq 250); do
      ip -4 -o address show | grep -qF " 10.231.$number.1/" || break
      number=$(((number - 1) % 250 + 2))
    done
    echo "$number" >"$1/subnet"
  fi
  cat "$1/subnet"
}

# rules -A|-D DIR: the way to other machines
rules () {
  local name subnet
  name=$(bridge_name "$2")
  subnet=10.231.$(subnet_number "$2").0/24
  iptables -w -t nat "$1" POSTROUTING -s "$subnet" ! -o "$name" -j MASQUERADE
  iptables -w "$1" FORWARD -i "$name" -j ACCEPT
  iptables -w "$1" FORWARD -o "$name" -j ACCEPT
}

# the folder remembers what the machine's forwarding was
outside_on () {
  [ -n "${OUTSIDE:-}" ] && [ ! -f "$1/forwarding" ] || return 0
  if rules -A "$1" >/dev/null 2>&1; then
    cat /proc/sys/net/ipv4/ip_forward >"$1/forwarding"
    echo 1 >/proc/sys/net/ipv4/ip_forward
  fi
}

outside_off () {
  [ -f "$1/forwarding" ] || return 0
  rules -D "$1" >/dev/null 2>&1 || true
  cat "$1/forwarding" >/proc/sys/net/ipv4/ip_forward
  rm -f "$1/forwarding"
}

# network DIR ATTEMPT: the flags for the bridge
network () {
  local name
  if [ "$2" = none ]; then
    echo --bridge=none
    return 0
  fi
  name=$(bridge_name "$1")
  # one at a time: another may be choosing the same numbers
  {
    flock 9
    if ! ip link show "$name" >/dev/null 2>&1; then
      ip link add "$name" type bridge && ip address add "10.231.$(subnet_number "$1").1/24" dev "$name" && ip link set "$name" up
    fi >/dev/null 2>&1 || true
  } 9>>"${TMPDIR:-/tmp}/thole-test-bridges.lock"
  outside_on "$1" || true
  echo "--bridge=$name"
}

# launch DIR ATTEMPT [FLAG...]: starts dockerd and waits until it answers
launch () {
  local dir=$1 attempt=$2 flags tries=300 pid
  shift 2
  flags=$(network "$dir" "$attempt")
  # shellcheck disable=SC2086 # flags are words
  setsid dockerd --data-root "$dir/data" --exec-root "$dir/exec" --pidfile "$dir/pid" --log-level warn \
    --iptables=false --ip6tables=false --ip-masq=false --ip-forward=false --shutdown-timeout 5 -H "unix://$dir/docker.sock" $flags "$@" >>"$dir/log" 2>&1 </dev/null &
  pid=$!
  while [ "$tries" -gt 0 ]; do
    if answers "unix://$dir/docker.sock"; then
      return 0
    fi
    [ -d "/proc/$pid" ] || return 1
    sleep 0.1
    tries=$((tries - 1))
  done
  kill "$pid" 2>/dev/null || true
  return 1
}

start () {
  local dir=$1 attempt
  shift
  mkdir -p "$dir"
  chmod 700 "$dir"
  if answers "unix://$dir/docker.sock"; then
    say "the one in $dir is running"
    return 0
  fi
  mount_cgroups
  # its first start can fail for a slow containerd, hence twice
  for attempt in bridge bridge none; do
    rm -f "$dir/docker.sock"
    if launch "$dir" "$attempt" "$@"; then
      say "started one in $dir (pid $(cat "$dir/pid"), network $attempt)"
      return 0
    fi
    end containerd "$dir/exec/containerd/containerd.pid" 5
  done
  tail -n 15 "$dir/log" >&2
  say "dockerd does not start; its output is in $dir/log" >&2
  return 1
}

# what an engine that was killed leaves running: the shims of its containers, and their programs
end_shims () {
  local file pid
  grep -lsF -- "$1/exec/containerd/containerd.sock" /proc/[0-9]*/cmdline | while read -r file; do
    pid=${file#/proc/}
    pid=${pid%/cmdline}
    case $(cat "/proc/$pid/comm" 2>/dev/null) in
      containerd-shim*)
        # shellcheck disable=SC2046 # pids are words
        kill -9 $(cat "/proc/$pid/task/$pid/children" 2>/dev/null) "$pid" 2>/dev/null || true
        ;;
    esac
  done
}

stop () {
  local dir=$1 name
  end dockerd "$dir/pid" 20
  # left behind when dockerd was killed
  end containerd "$dir/exec/containerd/containerd.pid" 5
  end_shims "$dir" || true
  outside_off "$dir" || true
  name=$(bridge_name "$dir")
  ip link delete "$name" >/dev/null 2>&1 || true
  grep -o " $dir/[^ ]*" /proc/mounts | sort -r | while read -r mounted; do
    umount "$mounted" 2>/dev/null || true
  done
  say "stopped the one in $dir"
}

image () {
  local url=$1 name=$2 root answer
  shift 2
  root=$(mktemp -d)
  chmod 755 "$root"
  mkdir -p "$root/bin" "$root/etc" "$root/root" "$root/tmp" "$root/proc" "$root/sys" "$root/dev" "$root/var/empty"
  chmod 1777 "$root/tmp"
  cp "$(command -v busybox)" "$root/bin/busybox"
  "$root/bin/busybox" --list | while read -r applet; do
    [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
  done
  printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/var/empty:/bin/sh\n' >"$root/etc/passwd"
  printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
  [ $# = 0 ] || cp "$@" "$root/"
  answer=$(tar -C "$root" --numeric-owner --owner=0 --group=0 -c . | ask "$url" \
    "/images/create?fromSrc=-&repo=${name%:*}&tag=${name##*:}&changes=CMD%20%5B%22sh%22%5D" \
    -X POST -H 'Content-Type: application/x-tar' --data-binary @-)
  rm -rf "$root"
  case $answer in
    *'"status":"sha256:'*) say "made the image $name of $(busybox | head -n 1 | cut -d' ' -f1,2)" ;;
    *) say "no image: $answer" >&2; return 1 ;;
  esac
}

verb=${1:-}
[ $# -gt 0 ] && shift
case $verb in
  find) find_engine ;;
  start) start "$@" ;;
  stop) stop "$@" ;;
  restart) stop "$1" && start "$@" ;;
  image) image "$@" ;;
  *) sed -n '5,13s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
