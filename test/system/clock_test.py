# SPDX-License-Identifier: BSD-2-Clause
"""The board's clock, passed through to a guest: whatever ends the VM, the next one reads the right date from it, and
has its alarm's interrupt."""
from bulkhead import System
from guest import check

DESCRIPTION = "test/system/systems/clock.dts"
# Nobody's clock but this machine's: 2033-05-18 and 03:33:20.
EPOCH_S = 2000000000
CLOCK = "/sys/class/rtc/rtc0"
INTERRUPTS = "awk '/rtc-pl031/ { print $2 }' /proc/interrupts"
ROUNDING_S = 3  # QEMU's beginning of the clock and root's are whole seconds, each a part of one early
READS = 1000
ALARM_S = 2
LEFT_ALARM_S = 12
RAW_STATUS = 0x9010014  # RTCRIS: that an alarm has rung, whether anybody wants to hear it or not


def interrupts(guest):
    return int(guest.output(INTERRUPTS))


def set_alarm(guest, in_s):
    """Returns when it rings."""
    return int(guest.output(f"echo 0 >{CLOCK}/wakealarm; echo +{in_s} >{CLOCK}/wakealarm; cat {CLOCK}/wakealarm"))


def check_date(system, guest):
    date_s = int(guest.selftest("rtc")["epoch_s"])
    passed_s = date_s - EPOCH_S
    check(-1 <= passed_s <= system.machine.seconds() + ROUNDING_S,
          f"{guest.name}: its clock says {passed_s} s after a start {system.machine.seconds():.0f} s ago")
    return date_s


def check_alarm(guest):
    """One interrupt, when it is due."""
    before = interrupts(guest)
    due_s = set_alarm(guest, ALARM_S)
    rings = f"while [ $({INTERRUPTS}) -eq {before} ]; do usleep 50000; done; cat {CLOCK}/since_epoch"
    rang_s = int(guest.output(rings, 30))
    check(rang_s >= due_s, f"{guest.name}: the alarm of {due_s} rang at {rang_s}")
    guest.output("sleep 1")
    check(interrupts(guest) == before + 1, f"{guest.name}: an alarm is {interrupts(guest) - before} interrupts")


def check_reads(system, name, of_board):
    """Only reads of a clock that is its VMM's are exits."""
    before = system.stats(name)["exits: device access"]
    system.guest(name).output(f"for i in $(seq {READS}); do read t <{CLOCK}/since_epoch; done", 120)
    exits = system.stats(name)["exits: device access"] - before
    check(exits < READS if of_board else exits >= READS, f"{name}: {exits} exits for {READS} reads of its clock")


def test_passed_through_over_restarts(context):
    system = System(context, DESCRIPTION, debugger=True, extra=("-rtc", "base=2033-05-18T03:33:20"))
    system.start_all()
    check_reads(system, "one", True)
    check_reads(system, "two", False)

    def crash_when_it_rings():
        alarm = f"echo 0 >{CLOCK}/wakealarm; echo +1 >{CLOCK}/wakealarm"
        system.guest("one")
        system.crash("one", lambda: system.machine.send_line(alarm), function="clock_ended")

    ends = (
        ("a reset", lambda: system.guest("one").machine.send_line("reboot -n -f")),
        ("a stop and a start", lambda: system.shell("stop one") + system.shell("start one")),
        ("a crash of its VMM", lambda: system.crash("one")),
        ("a crash with an interrupt that is not acknowledged", crash_when_it_rings),
        ("none", None),
    )
    for starts, (what, end) in enumerate(ends, 1):
        one = system.wait_ready_again("one", starts)
        check(interrupts(one) == 0, "an interrupt that nobody asked for")
        if starts > 1:
            # What the guest before had set does not ring any more.
            one.output(f"while [ $(cat {CLOCK}/since_epoch) -le {left_s} ]; do sleep 0.2; done", 60)
            with system.debugger.stopped():
                check(system.debugger.read_physical(RAW_STATUS, 4) == bytes(4), "the alarm of the guest before rang")
        check_date(system, one)
        check_alarm(one)
        if end:
            left_s = set_alarm(one, LEFT_ALARM_S)
            end()
        two = system.guest("two")
        check_date(system, two)
        check_alarm(two)
    context.say(f"{len(ends) - 1} ends")
