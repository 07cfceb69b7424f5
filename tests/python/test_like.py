"""Has a command of another process what is named?"""

import os

import nsiso
import pytest
from nsiso import Spec
from spawning import running, said, spec


def test_a_command_is_like_another_process() -> None:
    """In its directory and environment, here beside its namespaces."""
    env = {"MODEL": "yes", "PATH": os.environ["PATH"]}
    with running(spec("uts", hostname="model"), cwd="/usr/lib", env=env) as model:
        kinds = "uts" if os.geteuid() == 0 else "uts,user"
        liked = Spec(join=(model.pid, kinds), like=(model.pid, "cwd, environment"))
        assert liked.like == (model.pid, "cwd,environment")
        assert said(liked, "hostname; pwd; echo $MODEL") == "model\n/usr/lib\nyes"
        assert said(liked, "pwd; echo $MODEL", cwd="/usr", env={"PATH": env["PATH"]}) == "/usr"


def test_what_makes_no_sense_is_refused() -> None:
    """By type and value at once, what contradicts when it is planned."""
    with pytest.raises(ValueError, match="shoes"):
        Spec(like=(1, "shoes"))
    with pytest.raises(TypeError, match="like"):
        Spec(like="root")  # type: ignore[arg-type]
    with pytest.raises(nsiso.Error, match="cwd"):
        Spec(like=(os.getpid(), "cwd"), cwd="/").plan()
