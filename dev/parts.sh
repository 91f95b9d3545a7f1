# shellcheck shell=bash disable=SC2034 # the scripts that source this use its variables
# What the scripts here share: where things lie, what the machine must have, and how a process is known, watched and ended. Sourced, never run.

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=${BOOKFLOW_DEV_DIR:-$repository/.dev}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/bookflow

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

# need COMMAND PACKAGE: installs the Debian package where we may, names it where we may not.
need() {
  command -v "$1" >/dev/null && return
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing $2 (it brings '$1')"
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$2"; } >"$work/install.log" 2>&1 ||
      die "apt-get could not install $2, see $work/install.log" 6
  else
    die "'$1' is missing: install $2 (Debian: sudo apt-get install $2) and try again" 3
  fi
}

# maven GOAL ARGUMENTS...: strict about checksums, its talk in a log.
maven() {
  need mvn maven
  mvn -q -B --strict-checksums "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:$1" "${@:2}" >"$work/maven.log" 2>&1 ||
    die "maven could not fetch the parts, see $work/maven.log" 6
}
