# SPDX-License-Identifier: BSD-2-Clause
"""Counted time on several cores: what a machine gets done does not depend on the host that emulates it.

With -icount QEMU runs one core at a time, and the machine's clock goes by instructions. A core's turn ends when a timer
of the machine rings: TURNS has one that rings each microsecond and does nothing else. That alone is not fair in QEMU
7.2: the core after it finds no time left before that same timer, is passed over, and the next one has a whole turn;
so every other core starves. Who was asked to stop has a new look at the timers first, and then a whole turn. A guest
on the last core therefore tells all cores, again and again, to forget a translation that nobody has (test/guest/neighbour/
beat.c): QEMU stops each of them for that. Then each core that has something to do executes SLICE instructions in each
round, and how often the beat came round is the time that cores which run at once would have taken.

How true that is: a core sees what another one did up to a slice too early or too late. Slices are short beside a kernel
entry (500 and more), and the machine's clock is so slow because QEMU's shortest timer is a microsecond long. Also, the
core behind one that falls asleep gets what is left of that one's slice; so the one behind the services' core is the
attacker's.
"""

SHIFT = 2  # an instruction takes 4 ns: PHASE_SLOWNESS in test/guest/neighbour/phase.h
SLICE = 1000 >> SHIFT
TICK_NS = 16  # of the counter of QEMU's processors: 62.5 MHz
TURNS = ("-netdev", "hubport,id=turns,hubid=0", "-object", "filter-buffer,id=turn,netdev=turns,interval=1")
# Entropy and the date are the same in each run.
OPTIONS = ("-icount", f"shift={SHIFT},sleep=off", "-seed", "1", "-rtc", "base=2026-01-01,clock=vm", *TURNS)
