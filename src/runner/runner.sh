#!/bin/sh
# Holds one engine process, so that it outlives the agent that started it and ends rightly though no agent comes back.
#
#   runner.sh DIR TOKEN START USER COMMAND [ARGUMENT...]
#
# DIR is the run's directory, TOKEN what every process of the engine carries in its environment, START names this start.
# USER is whom the engine runs as, which takes root and Linux; empty for this script's own.
# stdin, stdout and stderr are the engine's: files, never pipes. The environment is the engine's, too, but for the token.
#
# 1. Whoever makes DIR/claim-START first decides whether this start happens: the runner, or an agent that gave it up.
# 2. run.json names the runner and its watcher before there is an engine; engine.json names the engine before it is one.
# 3. The engine has a session of its own: no signal to it or its group reaches the runner, which alone has its status.
# 4. The status is recorded at its end (exit.json, or the link `exit` where the disk is full); then whatever the engine
#    left is killed, and then the runner and the watcher end. Nothing of a run is left when its runner is gone.
# 5. The watcher ends the engine at the time in DIR/deadline (epoch seconds) or once DIR/cancel is there: DIR/signal, then
#    KILL after DIR/grace (seconds). All are read anew each second. Where no agent follows the logs it bounds them, by
#    DIR/log-max (bytes of all together).
# 6. Where it starts nothing its own status says why: `exitOf` in runner-process.ts has each.
#
# For dash, busybox and the sh of macOS. No variable of an engine may be written in lower case: those are this script's.
set -u

version=1

main() {
  dir=$1 token=$2 start=$3 user=$4
  shift 4
  runnable "$1" || exit 127
  # What this script calls may not be on the engine's PATH.
  engine_path=${PATH-}
  PATH=${PATH:+$PATH:}/usr/bin:/bin:/usr/sbin:/sbin
  if [ -n "$user" ]; then
    setpriv=$(command -v setpriv) || exit 69
    group=$(id -g -- "$user" 2>/dev/null) || exit 67
    # What it says to /dev/stderr opens the file anew. Its directory stays closed to it.
    chown -- "$user" "$dir/stdout.log" "$dir/stderr.log" || exit 73
  fi
  mask=$(umask)
  umask 077
  mkdir "$dir/claim-$start" 2>/dev/null || exit 75
  trap : HUP INT TERM QUIT
  # In a scope of systemd's that is ours alone the engine's leaf lies in it.
  if [ -e "$dir/scope" ]; then
    leaf=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)/engine
    mkdir "$leaf" && echo "$leaf" >"$dir/leaves"
  fi
  boot=$(boot_id)
  pid='' since='' swept=''
  of_process $$
  runner_since=$born
  watch &
  watcher=$!
  of_process "$watcher"
  put run.json "{\"version\":$version,\"token\":\"$token\",\"start\":\"$start\",\"runner\":$(json $$ "$runner_since"),\"watcher\":$(json "$watcher" "$born")}" || {
    kill -s TERM "$watcher"
    exit 74
  }
  (engine "$@")
  status=$?
  # Without a pid the engine never was: it could not be recorded.
  [ -e "$dir/engine.json" ] && record_end "$status"
  leave
}

# A command that is also one of the shell's own has no path here; its exec looks for it.
runnable() {
  found=$(command -v -- "$1") || return 1
  case $found in */*) [ -x "$found" ] ;; esac
}

# In a process of its own, which becomes the engine.
engine() {
  [ -r "$dir/leaves" ] && while read -r leaf; do echo 0 >"$leaf/cgroup.procs" || exit 74; done <"$dir/leaves"
  own_pid
  of_process "$pid"
  put engine.json "{\"version\":$version,\"token\":\"$token\",\"identity\":$(json "$pid" "$born")}" || exit 74
  # Where memory runs out the engine goes before what supervises it.
  { echo 500 >/proc/self/oom_score_adj; } 2>/dev/null
  umask "$mask"
  unset PWD OLDPWD SHLVL
  export REEVE_RUN="$token"
  setsid=$(command -v setsid) perl=$(command -v perl)
  PATH=$engine_path
  # By now everything is recorded, which only the runner's own user may do.
  [ -z "$user" ] || set -- "$setpriv" --reuid "$user" --regid "$group" --init-groups -- "$@"
  [ -n "$setsid" ] && exec "$setsid" "$@"
  # macOS has no setsid(1).
  [ -n "$perl" ] && exec "$perl" -MPOSIX -e 'POSIX::setsid(); exec { $ARGV[0] } @ARGV; exit 127' "$@"
  exec "$@"
}

record_end() {
  why=null
  [ -h "$dir/why-cancel" ] && why='"cancel"'
  [ -h "$dir/why-deadline" ] && why='"deadline"'
  # A disk with no byte left still takes a link.
  put exit.json "{\"status\":$1,\"why\":$why,\"oomKilled\":$(oom_killed)}" || ln -s "$1" "$dir/exit"
}

# Ends what the engine left, within 5 s, then the watcher.
leave() {
  known
  [ -z "$pid" ] || end_left 50
  kill -s TERM "$watcher" 2>/dev/null
  wait "$watcher"
  remove_leaves
}

# The watcher: in the background from before the engine's start to its end.
watch() {
  napped=${!-}
  trap '' HUP INT QUIT
  # No sleep is left behind, and none is killed that has ended.
  trap '[ "${!-}" = "$napped" ] || kill -s KILL "$!" 2>/dev/null; exit 0' TERM
  while lives; do
    if [ -e "$dir/cancel" ]; then
      end_politely cancel
    elif is_over; then
      end_politely deadline
    fi
    bound_logs
    nap 1
  done
  # Here the engine has ended and the runner has not ended this watcher: somebody killed it.
  is $$ "$runner_since" || {
    [ -z "$pid" ] || end_left 50
    remove_leaves
  }
}

# True while the engine runs or may still be started.
lives() {
  known
  if [ -n "$pid" ]; then is "$pid" "$since"; else is $$ "$runner_since"; fi
}

is_over() {
  number deadline ''
  [ -n "$number" ] && [ "$(date +%s)" -ge "$number" ]
}

# Ends the engine, and says why before it does.
end_politely() {
  ln -s . "$dir/why-$1" 2>/dev/null
  polite=TERM
  [ -r "$dir/signal" ] && read -r polite <"$dir/signal"
  signal_group "$polite"
  # A signal waits for a process that is stopped.
  signal_group CONT
  waited=0
  while lives; do
    number grace 20
    [ "$waited" -lt "$number" ] || break
    bound_logs
    nap 1
    waited=$((waited + 1))
  done
  while lives; do
    sweep
    nap 1
  done
}

# To the engine's group, or to the engine alone in the moment before it has one.
signal_group() {
  [ -n "$pid" ] || return 0
  kill -s "$1" -- "-$pid" 2>/dev/null || kill -s "$1" "$pid" 2>/dev/null
}

# Sweeps until nothing is found, at most so many tenths of a second.
end_left() {
  left=$1
  while sweep && [ "$left" -gt 0 ]; do
    sleep 0.1
    left=$((left - 1))
  done
}

# Kills every process of the run but the runner and the watcher; false where there was none. The number of a session is
# free once nobody is in it, but pids are given in a circle: within these moments it is not another's.
sweep() {
  swept=''
  if [ -r "$dir/leaves" ]; then
    while read -r leaf; do
      if [ -e "$leaf/cgroup.kill" ]; then
        # The kernel knows them all.
        is_populated "$leaf" || return 1
        echo 1 >"$leaf/cgroup.kill"
        return 0
      fi
      [ -r "$leaf/cgroup.procs" ] && while read -r each; do kill_if "$each"; done <"$leaf/cgroup.procs"
    done <"$dir/leaves"
  fi
  if is "$pid" "$since"; then kill_if "$pid"; fi
  [ -r /proc/self/stat ] || { kill -s KILL -- "-$pid" 2>/dev/null && swept=yes; [ -n "$swept" ]; return; }
  for file in $(grep -lsE " [^Z] [0-9]+ [0-9]+ $pid " /proc/[0-9]*/stat); do
    { read -r line <"$file"; } 2>/dev/null || continue
    in_session "$pid" ${line##*) } && kill_if "${line%% *}"
  done
  for file in $(grep -lsF "REEVE_RUN=$token" /proc/[0-9]*/environ); do
    tr '\0' '\n' 2>/dev/null <"$file" | grep -qxF "REEVE_RUN=$token" || continue
    file=${file%/*}
    kill_if "${file##*/}"
  done
  [ -n "$swept" ]
}

is_populated() {
  name='' count=''
  { while read -r name count; do [ "$name" != populated ] || break; done <"$1/cgroup.events"; } 2>/dev/null
  [ "$name$count" = populated1 ]
}

kill_if() {
  [ "$1" -gt 1 ] && kill -s KILL "$1" 2>/dev/null && swept=yes
}

# Is session $1 that of a process with these fields of its stat, and is it no zombie?
in_session() {
  [ "$2" != Z ] && [ "$5" = "$1" ]
}

# Did the kernel kill one of the run for its memory? The leaf of version 2 says so in one file, that of version 1 in another.
oom_killed() {
  [ -r "$dir/leaves" ] && while read -r leaf; do
    for file in "$leaf/memory.events" "$leaf/memory.oom_control" "${leaf%/engine}/memory.events"; do
      [ -r "$file" ] && while read -r name count; do
        [ "$name" = oom_kill ] && [ "$count" -gt 0 ] && { echo true; return; }
      done <"$file"
    done
  done <"$dir/leaves"
  echo false
}

# Where an engine made groups below its leaf they go first.
remove_leaves() {
  [ -r "$dir/leaves" ] && while read -r leaf; do
    [ ! -d "$leaf" ] || rmdir "$leaf" 2>/dev/null || {
      sleep 0.1
      find "$leaf" -depth -type d -exec rmdir {} \; 2>/dev/null
    }
  done <"$dir/leaves"
}

# An agent that follows them cuts them sooner: `logPart` in engine-follower.ts.
bound_logs() {
  number log-max 67108864
  part=$((number / 64))
  bound stdout.log $((16 * part))
  bound stderr.log $((4 * part))
}

# Keeps the newest part of a log of more than $2 bytes. What is written meanwhile is lost, so an engine leaves what must not
# be in a file of its own.
bound() {
  [ -s "$dir/$1" ] || return 0
  [ "$(wc -c <"$dir/$1")" -gt "$2" ] || return 0
  tail -c "$part" "$dir/$1" >"$dir/$1.old"
  : >"$dir/$1"
}

# Can be ended by TERM at any time.
nap() {
  sleep "$1" &
  wait "$!"
  napped=$!
}

# $number becomes what a file of ours has, or $2 where it has no number.
number() {
  number=$2
  [ -r "$dir/$1" ] && read -r number <"$dir/$1"
  case $number in '' | *[!0-9]*) number=$2 ;; esac
}

# Writes a file whole: by another name first.
put() {
  printf '%s\n' "$2" 2>/dev/null >"$dir/$1.new" && mv -f "$dir/$1.new" "$dir/$1" && return
  rm -f "$dir/$1.new"
  return 1
}

json() {
  echo "{\"bootId\":\"$boot\",\"pid\":$1,\"startTime\":\"$2\"}"
}

boot_id() {
  cat /proc/sys/kernel/random/boot_id 2>/dev/null || sysctl -n kern.bootsessionuuid
}

# $pid becomes that of this very process, which $$ is not below the first shell.
own_pid() {
  if [ -r /proc/self/stat ]; then
    read -r line </proc/self/stat
    pid=${line%% *}
  else
    pid=$(exec sh -c 'echo $PPID')
  fi
}

# $pid and $since become the engine's once engine.json names it.
known() {
  [ -z "$pid" ] && [ -r "$dir/engine.json" ] || return 0
  read -r line <"$dir/engine.json"
  pid=${line#*\"pid\":}
  pid=${pid%%,*}
  since=${line#*\"startTime\":\"}
  since=${since%%\"*}
}

# $born becomes the time at which a process started, empty where it is gone or a zombie.
of_process() {
  born=''
  if [ -r /proc/self/stat ]; then
    { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 0
    born_of ${line##*) }
  else
    born_of_words $(LC_ALL=C TZ=UTC ps -o lstart= -p "$1")
  fi
}

born_of() {
  [ "$1" = Z ] || born=${20}
}

born_of_words() {
  born="$*"
}

# Is the process $1, which started at $2, there?
is() {
  of_process "$1"
  [ -n "$born" ] && [ "$born" = "$2" ]
}

# In one line, so that the shell has read all of this file before it begins: the file may be replaced by an update.
main "$@"; exit
