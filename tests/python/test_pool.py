"""Are the sets of a pool ready, fresh, bounded in number, and their takers' alone?"""

import errno
import os
import signal
import threading

import nsiso
import pytest
from nsiso import Pool, Spec
from spawning import descriptors, said, spec

BOX = spec("uts,net", hostname="fresh")


def test_what_is_taken_is_fresh() -> None:
    """Also when the pool is empty; and nobody else has it."""
    pool = Pool(BOX, 2)
    assert (pool.size, pool.ready, repr(pool)) == (2, 0, "<Pool 0 of 2>")
    assert (pool.refill(), pool.refill(), pool.ready) == (2, 0, 2)
    taken = [pool.take() for _ in range(3)]
    assert pool.ready == 0
    assert len({held["net"] for held in taken}) == 3
    for held in taken:
        assert said(Spec(join=held), "hostname; hostname used") == "fresh"


def test_one_that_is_given_back_is_given_out_as_it_is() -> None:
    """And closed to the giver, also if it is refused."""
    pool = Pool(BOX, 1)
    held = pool.take()
    said(Spec(join=held), "hostname used")
    pool.give_back(held)
    assert held.closed and pool.ready == 1
    with pytest.raises(ValueError, match="closed"):
        pool.give_back(held)
    with nsiso.hold(BOX) as one_more:
        with pytest.raises(nsiso.Error) as full:
            pool.give_back(one_more)
        assert full.value.errno == errno.ENOSPC and one_more.closed
    assert said(Spec(join=pool.take()), "hostname") == "used"
    with pytest.raises(nsiso.Error) as other, nsiso.hold(spec("uts")) as held:
        pool.give_back(held)
    assert other.value.errno == errno.EINVAL


def test_a_dead_one_is_replaced() -> None:
    """Whose pid 1 somebody has killed while it lay there."""
    pool = Pool(spec("pid,mnt", proc=True), 1)
    held = pool.take()
    init = held.init
    assert init is not None
    pool.give_back(held)
    pidfd = os.pidfd_open(init)
    os.kill(init, signal.SIGKILL)
    os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOWAIT)
    os.close(pidfd)
    assert (pool.refill(), pool.ready) == (1, 1)
    assert pool.take().init != init


def test_threads_take_while_one_refills() -> None:
    """No set twice, and no descriptor left."""
    before = descriptors()
    assert len(set(_taken_by_four(Pool(BOX, 3)))) in (1, 120)
    # Of an earlier test something may have gone meanwhile.
    assert descriptors() <= before


def _taken_by_four(pool: Pool) -> list[int]:
    """The ids of 30 sets for each of four threads; all 0 where the kernel has none."""
    over = threading.Event()
    taken: list[int] = []

    def refill() -> None:
        while not over.is_set():
            pool.refill()

    def take() -> None:
        for _ in range(30):
            with pool.take() as held, held["net"] as net:
                taken.append(net.id or 0)

    host = threading.Thread(target=refill)
    takers = [threading.Thread(target=take) for _ in range(4)]
    for thread in [host, *takers]:
        thread.start()
    for thread in takers:
        thread.join()
    over.set()
    host.join()
    assert len(taken) == 120
    return taken


@pytest.mark.parametrize("size", [-1, 0, 4097])
def test_a_size_that_makes_no_sense_is_refused(size: int) -> None:
    """As is a spec without namespaces."""
    with pytest.raises(nsiso.Error, match="size"):
        Pool("uts", size)
    with pytest.raises(nsiso.Error, match="no namespaces"):
        Pool(Spec(), 1)
    with pytest.raises(TypeError):
        Pool("uts", "many")  # type: ignore[arg-type]
