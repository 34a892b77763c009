# SPDX-License-Identifier: BSD-2-Clause
"""The UART that consoles, log and shell share."""
from boot_test import demo
from bulkhead import LOG_LINE, PREFIX_KEY
from guest import check

PASTE_BYTES = 100_000


def test_paste(context):
    """No byte is lost however fast they come: each buffer on the way holds back the one before it."""
    system = demo(context)
    for vm in system.vms():
        system.guest(vm.name).paste(context.bytes(PASTE_BYTES))


def test_interrupt_key(context):
    system = demo(context)
    for vm in system.vms():
        system.guest(vm.name).interrupt_key()


def test_prefix_key_twice_reaches_the_guest(context):
    system = demo(context)
    linux = system.guest(system.vms()[0].name)
    since = linux.machine.mark()
    linux.machine.send_line("stty raw -echo; echo ready; head -c 1 | od -An -tx1; stty sane")
    linux.machine.expect("^ready", 20, since)
    linux.machine.send(PREFIX_KEY * 2)
    linux.machine.expect("^ *14$", 20, since)


def test_background_output_is_kept(context):
    """What a console said in the background is there when it comes to the front."""
    system = demo(context)
    first, second = (vm.name for vm in system.vms()[:2])
    system.guest(first).machine.send_line("sleep 3; echo said-in-the-'background'")
    system.guest(second).output("sleep 5; true")
    since = system.console(first)
    system.machine.expect("^said-in-the-background$", 20, since)
    system.guest(first).output("true")


def test_followed_lines_carry_the_name(context):
    system = demo(context)
    first, second = (vm.name for vm in system.vms()[:2])
    system.shell(f"follow {first}")
    system.guest(first).machine.send_line("count 8")
    linux = system.guest(second)
    since = linux.machine.mark()
    linux.machine.expect(LOG_LINE.format(name=first) + "count 7", 30, since)
    check(linux.output("echo $((6 * 7))") == "42", "a followed line was mixed with an answer")
    system.shell(f"follow {first} off")


def test_shell_help_and_mistakes(context):
    system = demo(context)
    names = {line.split()[0] for line in system.shell("help") if line.startswith("  ")}
    wanted = {"help", "list", "console", "stats", "log", "start", "stop", "restart"}
    check(wanted <= names, f"'help' does not know {wanted - names}")
    check(any('"nonsense"' in line for line in system.shell("nonsense")), "no word about an unknown command")
    check(any('"nobody"' in line for line in system.shell("stop nobody")), "no word about an unknown VM")
