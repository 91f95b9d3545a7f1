# shellcheck shell=bash
# What dev/up and dev/down share: where things lie, and how a process is known, watched and ended. Sourced, never run.

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034  # the scripts that source this use it
work=${BOOKFLOW_DEV_DIR:-$repository/.dev}

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $1"; exit "${2:-1}"; }

# The process id in $1/pid, if that process lives and is the one we started: the folder stands in its command line
# (after a restart of the machine the same number may be somebody else's).
running() {
  local id
  id=$(cat "$1/pid" 2>/dev/null) && [ -r "/proc/$id/cmdline" ] && tr '\0' ' ' <"/proc/$id/cmdline" | grep -qF -- "$1" || return 1
  printf '%s' "$id"
}

# wait_until SECONDS COMMAND...: true as soon as the command is, false when the time is over.
wait_until() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.1
  done
}
