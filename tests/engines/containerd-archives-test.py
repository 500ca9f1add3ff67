#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Images out of archives on this machine, on a real containerd, through the daemon."""
import gzip
import io
import json
import os
import tarfile

from real_containerd import Bench, busybox_root, case, layer, main, sha256

HUGE = 32 << 30  # of a layer that nobody ever takes to its end; a hole in the file
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
ENDED = "succeeded,failed,cancelled"


def settings_of(layers):
    return json.dumps({"architecture": "amd64", "os": "linux", "created": "2026-01-01T00:00:00Z", "config": {"Cmd": ["sh"], "Env": ["PATH=/bin"]},
                       "rootfs": {"type": "layers", "diff_ids": ["sha256:" + sha256(data) for data in layers]}}).encode()


class Box(Bench):
    def __init__(self):
        self.folder = None
        super().__init__()

    def daemon(self, name="thole"):
        self.folder = os.path.join(self.directory, "archives")
        os.makedirs(self.folder, exist_ok=True)
        self.keys = {"archives": self.folder}
        return super().daemon(name)

    def put(self, name, members, hole=None):
        """An archive of {name: bytes}. hole: a last member of HUGE bytes."""
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            for member, data in members.items():
                info = tarfile.TarInfo(member)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        text = out.getvalue()
        if hole:
            info = tarfile.TarInfo(hole)
            info.size = HUGE
            # without the end of the archive, and with the one of the last member's content
            length = sum(512 + (len(data) + 511) // 512 * 512 for data in members.values())
            text = text[:length] + info.tobuf(tarfile.GNU_FORMAT)
        with open(os.path.join(self.folder, name), "wb") as file:
            file.write(text)
            if hole:
                file.truncate(len(text) + HUGE + 1024)
        return "archive:" + name

    @staticmethod
    def layout(layers, blobs=(), size=None):
        """The members of an OCI layout. blobs: (digest, bytes) that take the place of the right ones."""
        members = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}'}

        def blob(kind, data):
            digest = sha256(data)
            members[f"blobs/sha256/{digest}"] = data
            return {"mediaType": kind, "digest": "sha256:" + digest, "size": len(data)}
        packed = [blob("application/vnd.oci.image.layer.v1.tar+gzip", gzip.compress(data, 1, mtime=0)) for data in layers]
        config = blob("application/vnd.oci.image.config.v1+json", settings_of(layers))
        for number, (digest, data) in enumerate(blobs):
            members.pop("blobs/" + packed[number]["digest"].replace(":", "/"))
            packed[number] = {**packed[number], "digest": "sha256:" + digest, "size": size or len(data)}
            if data:
                members[f"blobs/sha256/{digest}"] = data
        manifest = blob(MANIFEST, json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": packed}).encode())
        other = {**manifest, "digest": "sha256:" + "0" * 64, "platform": {"os": "linux", "architecture": "mips64"}}
        members["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [other, manifest]}).encode()
        return members

    @staticmethod
    def saved(layers):
        """The members of what `docker save` writes."""
        members = {f"{number}/layer.tar": data for number, data in enumerate(layers)}
        members["config.json"] = settings_of(layers)
        members["manifest.json"] = json.dumps([{"Config": "config.json", "RepoTags": ["some:1"],
                                                "Layers": [f"{number}/layer.tar" for number in range(len(layers))]}]).encode()
        return members

    def begin(self, image):
        operation = self.thole.post("/v1/images/pull", {"image": image}).expect(202)
        return operation.json["id"] if operation.json["id"].startswith("op-") else operation.headers["thole-operation"]

    def ended_pull(self, name):
        return self.thole.get(f"/v1/operations/{name}?wait={ENDED}&timeout=60").expect(200).json

    def pull(self, image):
        return self.ended_pull(self.begin(image))

    def images(self):
        return [name for image in self.thole.listed("/v1/images?backend=box") for name in image["references"]]

    def left(self):
        """What only lives as long as a pull. The engine clears away what nothing holds when it likes; here it is made to do so at once."""
        self.engine.ctr("leases", "create", "--id", "clear-away")
        self.engine.ctr("leases", "delete", "--sync", "clear-away")
        return self.held()

    def held(self):
        return [self.engine.ctr("leases", "list", "-q"), self.engine.ctr("content", "active").splitlines()[1:]]

    def nothing_left(self):
        try:
            self.until(lambda: self.left() == ["", []], 60, "the end of every lease and half blob")
        except AssertionError as late:
            raise AssertionError(f"{late}: {self.left()}") from late


def layers_of(name):
    """Two layers that no other image has."""
    return [layer(busybox_root()), layer({"said": (0o644, f"of {name}\n".encode())})]


@case("an image comes out of an OCI layout, and is run and removed by the name that was asked for", "LC-13 CF-09")
def _(t):
    image = t.put("layout.tar", t.layout(layers_of("a layout")))
    ended = t.pull(image)
    t.equal((ended["state"], ended["progress"]["done"]), ("succeeded", ended["progress"]["total"]), str(ended))
    t.true(image in t.images(), str(t.images()))
    t.nothing_left()
    workload = t.ended("cat /said", image=image, pull="never")
    t.equal(t.logs(workload), "of a layout\n")
    t.equal(t.pull(image)["state"], "succeeded")
    t.thole.remove(workload)
    t.made.remove(workload["id"])
    t.thole.delete(f"/v1/images?backend=box&image={image}").expect(204)
    t.true(image not in t.images(), "it is gone")


@case("many at once out of one archive", "LC-13")
def _(t):
    image = t.put("many.tar", t.layout(layers_of("many")))
    names = [t.begin(image) for _ in range(6)]
    ended = [t.ended_pull(name) for name in names]
    t.equal([one["error"] for one in ended], [None] * 6)
    t.equal(t.output("cat /said", image=image), "of many\n")
    t.nothing_left()


@case("what docker save wrote, below a folder, as a workload's image that is missing", "LC-13 CF-09")
def _(t):
    os.mkdir(os.path.join(t.folder, "of"))
    image = t.put("of/saved.tar", t.saved(layers_of("a saved one")))
    t.equal(t.output("cat /said", image=image), "of a saved one\n")
    t.true(image in t.images(), str(t.images()))
    zipped = {name: gzip.compress(data, 1) if name.endswith(".tar") else data for name, data in t.saved(layers_of("a zipped one")).items()}
    t.equal(t.output("cat /said", image=t.put("zipped.tar", zipped)), "of a zipped one\n")


@case("a layer with another digest than its name says, or another content than the configuration, is refused and leaves nothing", "CF-09")
def _(t):
    data = gzip.compress(os.urandom(1000))
    broken = t.put("digest.tar", t.layout(layers_of("broken"), [(sha256(b"another"), data)]))
    ended = t.pull(broken)
    t.equal((ended["state"], ended["error"]["code"]), ("failed", "invalid_field"), str(ended))
    t.holds(str(ended["error"]), "damaged")
    # what lies unpacked already would not be unpacked again
    data = gzip.compress(layer({"said": (0o644, b"of somebody else\n")}))
    other = t.put("other.tar", t.layout([layer({"said": (0o644, b"of the other\n")})], [(sha256(data), data)]))
    t.equal(t.pull(other)["error"]["code"], "invalid_field")
    cut = t.put("cut.tar", t.layout(layers_of("cut")))
    os.truncate(os.path.join(t.folder, "cut.tar"), 100_000)
    t.equal(t.pull(cut)["error"]["code"], "invalid_field")
    t.true(not {broken, other, cut} & set(t.images()), str(t.images()))
    t.nothing_left()


@case("no archive from outside the folder, by whatever way", "CF-09")
def _(t):
    os.rename(os.path.join(t.folder, t.put("x.tar", t.layout(layers_of("outside")))[8:]), os.path.join(t.directory, "outside.tar"))
    os.symlink("../outside.tar", os.path.join(t.folder, "link.tar"))
    os.symlink("..", os.path.join(t.folder, "up"))
    os.mkfifo(os.path.join(t.folder, "pipe.tar"))
    t.thole.post("/v1/images/pull", {"image": "archive:../outside.tar"}).expect(422)
    for name in (f"{t.directory}/outside.tar", "link.tar", "up/outside.tar", "pipe.tar"):
        ended = t.pull("archive:" + name)
        t.equal((ended["state"], ended["error"]["code"]), ("failed", "invalid_field"), f"{name}: {ended}")
    t.equal(t.pull("archive:nowhere.tar")["error"]["code"], "image_not_found")


@case("an import that is cancelled half-way, or while digests are computed, leaves nothing", "row:86 API-12")
def _(t):
    digest = "a" * 64
    image = t.put("huge.tar", t.layout(layers_of("huge"), [(digest, b"")], size=HUGE), hole="blobs/sha256/" + digest)
    name = t.begin(image)
    seen = t.until(lambda: (s := t.thole.get(f"/v1/operations/{name}").json)["progress"]["done"] > 0 and s, 60, "progress")
    t.true(seen["progress"]["done"] < seen["progress"]["total"], f"{seen['progress']} is on its way")
    whole = "sha256:" + sha256(gzip.compress(layers_of("huge")[1], 1, mtime=0))
    t.until(lambda: whole in t.engine.ctr("content", "ls", "-q").split(), 20, "the other layer")
    t.thole.post(f"/v1/operations/{name}/cancel").expect(200, 202)
    t.equal(t.ended_pull(name)["state"], "cancelled")
    # what was fetched goes with its lease, without anybody who makes the engine clear away
    t.until(lambda: t.held() == ["", []], 20, "the end of the lease and of the half layer")
    t.until(lambda: whole not in t.engine.ctr("content", "ls", "-q").split(), 20, "the end of the other layer")
    members = t.saved([b"", b""])
    members.pop("1/layer.tar")
    saved = t.put("huge-saved.tar", members, hole="1/layer.tar")
    name = t.begin(saved)
    t.thole.post(f"/v1/operations/{name}/cancel").expect(200, 202)
    t.equal(t.ended_pull(name)["state"], "cancelled")
    t.true(not {image, saved} & set(t.images()), str(t.images()))
    t.nothing_left()


if __name__ == "__main__":
    main(Box)
