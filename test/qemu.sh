# SPDX-License-Identifier: BSD-2-Clause
# Sourced by the tests that boot an image of their own and read what it says: contract, hostile.
#
#   qemu_prepare TOOL IMAGE DIR   sets cores and log (DIR/log)
#   qemu_run PATTERN SECONDS [OPTION...]   boots it until the log has the pattern, or time is up

qemu_pid=
trap '[ $BASHPID -ne $$ ] || { [ -z "$qemu_pid" ] || kill -KILL "$qemu_pid" 2>/dev/null; }' EXIT

qemu_prepare() {
    local i
    log=$3/log
    mkdir -p "$3" || exit 3
    : >"$log"
    mapfile -t qemu_command < <("$1" run --dry-run "$2" | tr ' ' '\n')
    cores=1
    for ((i = 0; i < ${#qemu_command[@]}; i++)); do
        case ${qemu_command[i]} in
        -smp) cores=${qemu_command[i + 1]} ;;
        -serial) qemu_command[i + 1]=file:$log ;;
        esac
    done
}

qemu_run() {
    local pattern=$1 seconds=$2 i
    shift 2
    "${qemu_command[@]}" -monitor none "$@" </dev/null >"$(dirname "$log")/qemu" 2>&1 &
    qemu_pid=$!
    for ((i = 0; i < seconds * 10; i++)); do
        ! grep -qE "$pattern" "$log" || break
        kill -0 "$qemu_pid" 2>/dev/null || break
        sleep 0.1
    done
    # A core that spins keeps QEMU from hearing anything gentler.
    { kill -KILL "$qemu_pid" && wait "$qemu_pid"; } 2>/dev/null
    qemu_pid=
}
