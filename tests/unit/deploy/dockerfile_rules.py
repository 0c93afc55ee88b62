"""What a Dockerfile here must keep to, after hadolint's rules; no engine is needed to look.

Each rule gives one sentence for each thing it finds.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PINNED_TAG = re.compile(r":\d+[\w.-]*\d[\w.-]*$")
DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
SECRET_NAME = re.compile(r"(PASSWORD|PASSWD|SECRET|TOKEN|CREDENTIAL|PRIVATE|API_KEY)", re.IGNORECASE)
ROOT_USERS = {"root", "0", "0:0", "root:root"}


@dataclass(frozen=True)
class Instruction:
    """One instruction with its continuation lines joined."""

    word: str
    rest: str


@dataclass
class Stage:
    """What one FROM begins."""

    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, word: str) -> list[str]:
        return [instruction.rest for instruction in self.instructions if instruction.word == word]


@dataclass
class Dockerfile:
    """A file in parts."""

    arguments: dict[str, str]
    stages: list[Stage]

    @classmethod
    def parse(cls, text: str) -> "Dockerfile":
        arguments: dict[str, str] = {}
        stages: list[Stage] = []
        for instruction in _instructions(text):
            if instruction.word == "FROM":
                base, _, name = instruction.rest.partition(" AS ")
                stages.append(Stage(base.strip(), name.strip()))
            elif stages:
                stages[-1].instructions.append(instruction)
            elif instruction.word == "ARG":
                name, _, default = instruction.rest.partition("=")
                arguments[name] = default
        return cls(arguments, stages)


def find_faults(text: str, root: Path) -> list[str]:
    """Hold a Dockerfile against every rule.

    Args:
        text: the file.
        root: the folder of the build.
    """
    file = Dockerfile.parse(text)
    faults = [*_base_faults(file), *_copy_faults(file, root)]
    for stage in file.stages:
        faults += [f"{stage.name or stage.base}: {fault}" for fault in _stage_faults(stage)]
        # What only feeds other stages is thrown away; what is run must not be root's.
        if not any(_feeds(stage, other) for other in file.stages):
            faults += [f"{stage.name or stage.base}: {fault}" for fault in _run_faults(stage)]
    return faults


def _instructions(text: str) -> Iterator[Instruction]:
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = ""
    for line in lines:
        if line.rstrip().endswith("\\"):
            joined += line.rstrip()[:-1] + " "
            continue
        word, _, rest = (joined + line).strip().partition(" ")
        yield Instruction(word.upper(), re.sub(r"\s+", " ", rest).strip())
        joined = ""


def _base_faults(file: Dockerfile) -> Iterator[str]:
    names = {stage.name for stage in file.stages}
    for stage in file.stages:
        if stage.base in names:
            continue
        argument = re.fullmatch(r"\$\{(\w+)\}", stage.base)
        if argument is None or argument[1] not in file.arguments:
            yield f"FROM {stage.base}: no argument by which it could be pinned by digest"
            continue
        image = file.arguments[argument[1]]
        if not (DIGEST.search(image) or PINNED_TAG.search(image)):
            yield f"{argument[1]}={image}: not pinned to a version"


def _copy_faults(file: Dockerfile, root: Path) -> Iterator[str]:
    allowed = [line[1:] for line in (root / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for stage in file.stages:
        if stage.all("ADD"):
            yield "ADD fetches and unpacks unasked; use COPY"
        for rest in stage.all("COPY"):
            if rest.startswith("--from="):
                continue
            for source in rest.split()[:-1]:
                if not (root / source).exists():
                    yield f"COPY {source}: there is no such file"
                elif source.split("/")[0] not in allowed:
                    yield f"COPY {source}: .dockerignore keeps it back"


def _stage_faults(stage: Stage) -> Iterator[str]:
    for rest in [*stage.all("ENV"), *stage.all("ARG")]:
        for name in re.findall(r"(\w+)=", rest):
            if SECRET_NAME.search(name):
                yield f"{name} would be baked into the image"
    for rest in stage.all("WORKDIR"):
        if not rest.startswith("/"):
            yield f"WORKDIR {rest} is relative"
    for rest in stage.all("RUN"):
        yield from _command_faults(rest)


def _command_faults(command: str) -> Iterator[str]:
    if "apt-get install" in command:
        if "--no-install-recommends" not in command:
            yield "apt-get install without --no-install-recommends"
        if "apt-get update" not in command or "rm -rf /var/lib/apt/lists/*" not in command:
            yield "apt lists must be fetched and removed in the same RUN"
    if re.search(r"\bpip (install|wheel)\b", command):
        if "--no-cache-dir" not in command:
            yield "pip without --no-cache-dir"
        if "--constraint" not in command and "--no-index" not in command:
            yield "pip without --constraint: versions would float"
    if re.search(r"\bsudo\b|curl[^|]*\|\s*(ba)?sh|chmod (-R )?777", command):
        yield f"no sudo, piped installers or open permissions: {command}"


def _run_faults(stage: Stage) -> Iterator[str]:
    users = stage.all("USER")
    if not users or users[-1] in ROOT_USERS or not users[-1][0].isdigit():
        yield "must end as a user that is not root, by number"
    if not stage.all("HEALTHCHECK"):
        yield "no HEALTHCHECK"
    if not stage.all("ENTRYPOINT"):
        yield "no ENTRYPOINT"
    for word in ("ENTRYPOINT", "CMD"):
        for rest in stage.all(word):
            if not _is_list(rest):
                yield f"{word} in shell form does not get signals"


def _is_list(text: str) -> bool:
    try:
        return isinstance(json.loads(text), list)
    except json.JSONDecodeError:
        return False


def _feeds(stage: Stage, other: Stage) -> bool:
    if not stage.name:
        return False
    taken = [rest for instruction in other.instructions for rest in [instruction.rest] if f"from={stage.name}" in rest]
    return other.base == stage.name or bool(taken)
