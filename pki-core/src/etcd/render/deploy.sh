usage() {
  cat <<'END'
Usage: ./deploy.sh [--copy] [--timeout SECONDS] [MEMBER...]

Copies the files in nodes/MEMBER to the host of each MEMBER, starts the members that are not running, and waits until
they are healthy. A member that joins the cluster is added to it before it starts. Running members are not restarted.
Without MEMBER, it does this for all members.

It works on all hosts at the same time: it checks all of them before it changes anything, then it copies the files to
all of them, then it starts the members. If one host fails, the next of these phases does not begin.

  --copy             copy the files and do nothing else
  --timeout SECONDS  how long to wait until members are healthy; the default is 300
  --help             print this text

The script connects with ssh, as root or as a user that can use sudo without a password. If etcdctl is not in PATH,
the variable ETCDCTL has its path.

Exit status: 0 success, 1 an error, 2 wrong usage, 3 members not healthy in time.
END
}

say() {
  printf '%s\n' "$*" >&2
}

# MESSAGE [HINT]
problem() {
  say "error: $1"
  if [ $# -gt 1 ]; then say "hint: $2"; fi
}

fail() {
  problem "$@"
  exit 1
}

wrong_usage() {
  problem "$1" 'run ./deploy.sh --help to see the usage'
  exit 2
}

# All paths below are relative to the folder of this script.
case ${BASH_SOURCE[0]} in
  */*) CDPATH='' cd -- "${BASH_SOURCE[0]%/*}" ;;
esac

copy_only=
timeout=300
wanted=' '
while [ $# -gt 0 ]; do
  case $1 in
    --copy) copy_only=yes ;;
    --timeout)
      [ $# -gt 1 ] || wrong_usage '--timeout needs a number of seconds'
      timeout=$2
      shift
      ;;
    --timeout=*) timeout=${1#--timeout=} ;;
    --help | -h)
      usage
      exit 0
      ;;
    -*) wrong_usage "there is no option $1" ;;
    *)
      while read -r name _; do
        if [ "$name" = "$1" ]; then wanted="$wanted$1 "; fi
      done <<< "$members"
      if [ "${wanted% "$1" }" = "$wanted" ]; then wrong_usage "there is no member $1"; fi
      ;;
  esac
  shift
done
case $timeout in
  '' | *[!0-9]* | ???????*) wrong_usage '--timeout needs a number of seconds, at most 6 digits' ;;
esac
if [ "$unit" = none ]; then copy_only=yes; fi

names=() targets=() peers=() clients=() states=() listens=() running=() has_data=() changed=() stale=()
while read -r name target peer client state listen; do
  if [ "$wanted" != ' ' ] && [ "${wanted#* "$name" }" = "$wanted" ]; then continue; fi
  names+=("$name") targets+=("$target") peers+=("$peer") clients+=("$client") states+=("$state") listens+=("$listen")
  running+=('') has_data+=('') changed+=('') stale+=('')
done <<< "$members"

# What the jobs of on_each print, in files.
work=$(mktemp -d "${TMPDIR:-/tmp}/etcdpki.XXXXXX")
trap 'wait; rm -rf -- "$work"' EXIT
trap 'exit 1' HUP INT TERM

# on_each FUNCTION: calls FUNCTION for all members at the same time, with the number of the member. Its output is in
# $work/NUMBER afterwards, and its errors are printed with the name of the member. Fails if a call fails.
on_each() {
  local i line jobs=() failed=0
  for i in "${!names[@]}"; do
    "$1" "$i" < /dev/null > "$work/$i" 2> "$work/errors-$i" &
    jobs[i]=$!
  done
  for i in "${!names[@]}"; do
    wait "${jobs[$i]}" || failed=1
    while IFS= read -r line; do say "${names[$i]}: $line"; done < "$work/errors-$i"
  done
  return "$failed"
}

# on_host NUMBER SCRIPT: runs a script as root on the host of a member. The scripts have no single quotes, and the names
# and paths in $settings have no characters that are special in a shell.
on_host() {
  # shellcheck disable=SC2016 # The shell on the host expands it.
  local become_root='test "$(id -u)" = 0 || exec sudo -n sh -c "$1"; exec sh -c "$1"'
  ssh -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=10 -- "${targets[$1]}" "exec sh -c '$become_root' sh '$settings
listen=${listens[$1]}
$2'"
}

# as_root NUMBER COMMAND: prints what a person types to run a command as root on the host of a member.
as_root() {
  case ${targets[$1]} in
    root@*) echo "ssh ${targets[$1]} $2" ;;
    *) echo "ssh ${targets[$1]} sudo $2" ;;
  esac
}

settings="LC_ALL=C; export LC_ALL; set -eu; umask 077
user=$user; binary=$binary; pki=$pki; data=$data; unit=$unit; engine=$engine"

# Prints facts about a host, one per line. etcd is asked for its version as its own user, because root executes nothing
# that another user can have put there.
read -r -d '' check_host <<'END' || true
id -u -- "$user" > /dev/null 2>&1 || echo no-user
if test "$unit" = none; then
  test -z "$engine" || command -v "$engine" > /dev/null || echo no-engine
else
  if test ! -x "$binary"; then
    echo no-binary
  elif id -u -- "$user" > /dev/null 2>&1; then
    cd /
    answer=$(timeout 20 setpriv --reuid="$(id -u -- "$user")" --regid="$(id -g -- "$user")" --clear-groups \
      "$binary" --version 2>&1) || true
    version=$(printf "%s\n" "$answer" | sed -n "s/^etcd Version: //p" | head -n 1)
    if test "$version"; then echo "version $version"; else echo "version ? $(printf "%s\n" "$answer" | head -n 1)"; fi
  fi
  command -v systemctl > /dev/null || echo no-systemd
  test "$unit" != drop-in || systemctl cat etcd.service > /dev/null 2>&1 || echo no-unit
  is_running=
  case $(systemctl is-active etcd.service 2> /dev/null) in
    active | activating | reloading)
      process=$(systemctl show --property=MainPID --value etcd.service 2> /dev/null) || true
      # Without a process it has ended, and systemd will start it again.
      if test "$process" != 0; then is_running=yes; fi
      # The database that is open tells whose etcd it is, whatever its options are and wherever they come from.
      if test "$is_running" && test -n "$process"; then
        database=$(find "/proc/$process/fd" -lname "*/member/snap/db" -printf "%l\n" 2> /dev/null | head -n 1)
        case $database in
          "" | "$(readlink -m -- "$data")/member/snap/db") ;;
          *) echo "other ${database%/member/snap/db}" ;;
        esac
      fi
      ;;
  esac
  if test "$is_running"; then
    echo running
  elif command -v ss > /dev/null; then
    ss -Hltnp | while read -r _ _ _ place _ who; do
      for own in $(echo "$listen" | tr , " "); do
        port=${own##*:}
        case $place in
          "$own" | "*:$port" | "0.0.0.0:$port") echo "taken $place $who" ;;
          "[::]:$port") case $own in "["*) echo "taken $place $who" ;; esac ;;
          *":$port") case $own in "0.0.0.0:"* | "[::]:"*) echo "taken $place $who" ;; esac ;;
        esac
      done
    done
  fi
fi
test ! -d "$data/member" || echo has-data
echo checked
END

# Unpacks all files, then moves each one to its place by renaming it, because etcd reads certificates and keys again for
# every connection. Keys come before their certificates.
#
# The owner of a folder can put a symbolic link into it at any time, and root would then change the target of that link.
# Therefore each file is completed in a folder that only root can change, and renaming replaces a link without following
# it. A folder that others can change is entered first, so that later commands work in that folder even if its path leads
# elsewhere by then.
read -r -d '' install_files <<'END' || true
stage=$(mktemp -d /run/etcdpki.XXXXXX)
new=
trap "rm -rf $stage \$new" EXIT
trap "exit 1" HUP INT TERM
mkdir "$stage/files"
tar -C "$stage/files" --no-same-owner -xpf -

# is_of_root: whether only root can change the current folder.
is_of_root() {
  case $(stat -c %u:%A .) in
    0:d????-??-?*) ;;
    *) return 1 ;;
  esac
}

# enter FOLDER: changes to a folder without following a link that others than root can have made. Afterwards $safe is the
# last folder of the path that only root can change.
enter() {
  cd /
  safe=/
  rest=${1#/}
  while test -n "$rest"; do
    part=${rest%%/*}
    rest=${rest#"$part"}
    rest=${rest#/}
    if test "$PWD" = "$safe"; then
      cd -P "./$part"
      if is_of_root; then safe=$PWD; fi
    else
      expected=$PWD/$part
      cd -P "./$part"
      if test "$PWD" != "$expected"; then
        echo "$expected is a link to $PWD, and a user other than root may have made it: nothing was written there" >&2
        exit 1
      fi
    fi
  done
}

find "$stage/files" -mindepth 1 -type d | sort > "$stage/folders"
while read -r folder; do
  place=${folder#"$stage/files"}
  enter "${place%/*}"
  name=${place##*/}
  test -d "$name" || mkdir -m "$(stat -c %a "$folder")" "$name"
done < "$stage/folders"
enter "$pki"
chown "$user:$user" .
chmod 0700 .

find "$stage/files" -type f | sort > "$stage/list"
while read -r file; do
  place=${file#"$stage/files"}
  name=${place##*/}
  mode=$(stat -c %a "$file")
  case $place in
    "$pki"/*) owner=$user:$user ;;
    *) owner=root:root ;;
  esac
  enter "${place%/*}"
  is_same=
  if test ! -L "$name" && test -f "$name" && cmp -s "$file" "$name"; then is_same=yes; fi
  if test "$is_same" && test "$(stat -c "%U:%G %a" "$name")" = "$owner $mode"; then continue; fi
  new=$(mktemp "${safe%/}/.etcdpki.XXXXXX")
  cat "$file" > "$new"
  chown "$owner" "$new"
  chmod "$mode" "$new"
  mv -fT "$new" "$name"
  new=
  if test -z "$is_same"; then echo "$place"; fi
done < "$stage/list"
END

start_service='systemctl daemon-reload
systemctl --quiet enable etcd.service
systemctl start --no-block etcd.service'

# Of systemd's own messages about the service, none says why etcd ended.
read -r -d '' show_state <<'END' || true
state=$(systemctl is-active etcd.service) || true
echo "etcd.service is $state"
test "$state" = active || journalctl --quiet --no-pager --lines=5 --output=cat _SYSTEMD_UNIT=etcd.service
END

# etcdctl refuses an option that is both a flag and a variable, so the variables of the caller are removed.
etcdctl() {
  (
    # shellcheck disable=SC2086 # The list has several names.
    unset ${!ETCDCTL_@}
    # shellcheck source=/dev/null
    . clients/root/etcdctl.env
    if [ -n "$endpoints" ]; then export ETCDCTL_ENDPOINTS="$endpoints"; fi
    exec "${ETCDCTL:-etcdctl}" "$@"
  )
}

# report_stale: says which running members have to be restarted. etcd reads certificates and keys again for every
# connection, and all other files when it starts.
report_stale() {
  local i
  for i in "${!names[@]}"; do
    if [ -n "${stale[$i]}" ]; then
      say "${names[$i]} still uses the old contents of:${stale[$i]}"
      say "  restart one member at a time, each when all are healthy: $(as_root "$i" 'systemctl restart etcd')"
    fi
  done
}

# report_state NUMBER: says whether etcd runs on the host of a member, and what it said last if it does not.
report_state() {
  on_host "$1" "$show_state" >&2
}

# wait_until_healthy URLS: waits until the members with these client URLs are healthy.
endpoints=
wait_until_healthy() {
  local answer endpoints=$1 seconds=1
  say "waiting for $endpoints"
  until answer=$(etcdctl --command-timeout="${seconds}s" endpoint health 2>&1); do
    if [ "$SECONDS" -ge "$deadline" ]; then
      on_each report_state || true
      report_stale
      problem "not healthy after $timeout s:
$answer" "on the host, read the log with: journalctl -u etcd; check the network between the members, and their clocks"
      exit 3
    fi
    if [ "$seconds" -lt 5 ]; then seconds=$((seconds + 1)); fi
    sleep 1
  done
}

# add_member NAME PEER-URLS HAS-DATA: adds a member to the cluster, unless the cluster has it. Members are compared by peer
# URL, because a member that has not started yet has no name there. For a few seconds after its start, a cluster refuses
# new members (etcd, --strict-reconfig-check).
add_member() {
  local listed said
  while true; do
    listed=$(etcdctl member list) || fail "$1 has to join the cluster, but the cluster does not answer" 'start the other members first'
    if awk -F ', ' -v urls="$2" '
      BEGIN { split(urls, wanted, ",") }
      { count = split($4, known, ","); for (i = 1; i <= count; i++) if (known[i] == wanted[1]) found = 1 }
      END { exit !found }' <<< "$listed"; then return; fi
    if [ "$3" = has-data ]; then
      fail "$1 has to join the cluster, but its host has data of a member that the cluster does not have: $data" \
        "if you do not need the data, empty that folder on the host, then run this again"
    fi
    if said=$(etcdctl member add "$1" --learner "--peer-urls=$2" 2>&1); then
      say "added $1 to the cluster"
      return
    fi
    if [ "$SECONDS" -ge "$deadline" ] || [ "${said#*unhealthy cluster}" = "$said" ]; then
      fail "the cluster refuses the member $1:
$said"
    fi
    sleep 1
  done
}

# promote_member NAME PEER-URLS: gives a member a vote, unless it has one. etcd refuses that until the member has what the
# leader has.
promote_member() {
  local listed id said=
  while true; do
    if listed=$(etcdctl member list 2>&1); then
      id=$(awk -F ', ' -v urls="$2" '
        BEGIN { split(urls, wanted, ",") }
        $6 == "true" { count = split($4, known, ","); for (i = 1; i <= count; i++) if (known[i] == wanted[1]) print $1 }' <<< "$listed")
      if [ -z "$id" ]; then return; fi
      if said=$(etcdctl member promote "$id" 2>&1); then
        say "$1 has a vote"
        return
      fi
    else
      said=$listed
    fi
    if [ "$SECONDS" -ge "$deadline" ]; then
      problem "$1 got no vote after $timeout s:
$said" "run this again: it goes on; on the host of $1, read the log with: journalctl -u etcd"
      exit 3
    fi
    sleep 1
  done
}

# check NUMBER
check() {
  on_host "$1" "$check_host"
}

# copy NUMBER: prints the paths of the files that have changed.
copy() {
  COPYFILE_DISABLE=1 tar -C "nodes/${names[$1]}" --exclude='.etcdpki-*' -cf - . | on_host "$1" "$install_files"
}

# is_founder NUMBER: whether a member can start without being added to the cluster. A running member was added before.
is_founder() {
  [ "${states[$1]}" = new ] || [ -n "${running[$1]}" ]
}

# start_founder NUMBER
start_founder() {
  if is_founder "$1"; then on_host "$1" "$start_service"; fi
}

# judge NUMBER FACT [DETAILS]: notes a fact about a host, or prints what is wrong.
judge() {
  local name=${names[$1]} target=${targets[$1]} rest
  case $2 in
    running) running[$1]=running ;;
    has-data) has_data[$1]=has-data ;;
    version)
      case ${3-} in
        "$series" | "$series".*) return ;;
        [0-9]*)
          rest=${3#*.}
          problem "$name: $binary on $target is etcd $3, and the description is for etcd $series" \
            "install etcd $series there; or write \`version: \"${3%%.*}.${rest%%.*}\"\` in the description, and run \`etcdpki cluster apply\` again"
          ;;
        *)
          problem "$name: $binary on $target does not tell its version to the user $user: ${3#? }" \
            "run there, as $user: $binary --version"
          ;;
      esac
      problems=1
      ;;
    other)
      if [ -n "$copy_only" ]; then return; fi
      problem "$name: etcd.service on $target runs already, with its data in $3 and not in $data" \
        "if nobody needs what runs there, run: $(as_root "$1" 'systemctl stop etcd'), and then this again"
      problems=1
      ;;
    taken)
      if [ -n "$copy_only" ]; then return; fi
      problem "$name: another program on $target listens on ${3%% *}: ${3#* }" \
        "stop that program; or choose other ports in the description: \`client-port\`, \`peer-port\`"
      problems=1
      ;;
    no-user)
      problem "$name: there is no user $user on $target" \
        "run there: useradd --system --user-group --home-dir $data --shell /usr/sbin/nologin $user"
      problems=1
      ;;
    no-binary)
      problem "$name: there is no $binary on $target" \
        "install etcd $series there, or write its path in the description: \`host: {binary: /usr/local/bin/etcd}\`"
      problems=1
      ;;
    no-engine)
      problem "$name: $engine is not installed on $target" "install $engine there"
      problems=1
      ;;
    no-systemd)
      problem "$name: there is no systemd on $target" \
        "write \`unit: none\` in the description, and start etcd in another way"
      problems=1
      ;;
    no-unit)
      problem "$name: there is no etcd.service on $target, which the drop-in changes" \
        "install the distribution's etcd package there, or write \`unit: service\` in the description"
      problems=1
      ;;
  esac
}

# All hosts are checked before anything is changed.
problems=0
for program in ssh tar awk; do
  if ! command -v "$program" > /dev/null; then
    problem "$program is not installed on this machine" "install $program"
    problems=1
  fi
done
if [ -z "$copy_only" ] && ! command -v "${ETCDCTL:-etcdctl}" > /dev/null; then
  problem 'etcdctl is not installed on this machine' \
    'install it; or set ETCDCTL to its path; or use --copy, and start all members yourself at the same time'
  problems=1
fi
[ "$problems" = 0 ] || exit 1
for name in "${names[@]}"; do
  for file in $certificates; do
    if [ ! -e "nodes/$name$pki/$file" ]; then
      problem "nodes/$name$pki/$file is missing" "run \`etcdpki cluster apply\` again when the CA has signed the certificate"
      problems=1
    fi
  done
done
on_each check || true
for i in "${!names[@]}"; do
  if [ "$(tail -n 1 "$work/$i")" != checked ]; then
    problem "${names[$i]}: cannot run commands as root on ${targets[$i]}" \
      "make \`ssh ${targets[$i]}\` and sudo there work without a password, or write another destination: \`ssh: USER@HOST\`"
    problems=1
    continue
  fi
  while read -r fact details; do judge "$i" "$fact" "$details"; done < "$work/$i"
done
[ "$problems" = 0 ] || exit 1

say "copying the files of ${names[*]}"
on_each copy || fail 'not all files were copied, and no member was started' 'run this again: what was copied stays as it is'
for i in "${!names[@]}"; do
  changed[i]=$(< "$work/$i")
  for file in ${changed[$i]}; do
    say "${names[$i]}: $file"
    case " $certificates " in
      *" ${file##*/} "*) ;;
      *) if [ -n "${running[$i]}" ]; then stale[i]="${stale[$i]} $file"; fi ;;
    esac
  done
done

if [ -z "$copy_only" ]; then
  deadline=$((SECONDS + timeout))
  # A member is ready only when the cluster has a quorum, so all are started before the script waits.
  founders=
  for i in "${!names[@]}"; do
    if is_founder "$i"; then
      if [ -z "${running[$i]}" ]; then say "starting ${names[$i]}"; fi
      founders=$founders,${clients[$i]}
    fi
  done
  if [ -n "$founders" ]; then
    on_each start_founder || fail 'not all members could be started'
    wait_until_healthy "${founders#,}"
  fi
  # One after the other, because a cluster accepts a new member only when all others are healthy.
  for i in "${!names[@]}"; do
    if ! is_founder "$i"; then
      add_member "${names[$i]}" "${peers[$i]}" "${has_data[$i]}"
      say "starting ${names[$i]}"
      on_host "$i" "$start_service" || fail "${names[$i]} cannot be started"
      promote_member "${names[$i]}" "${peers[$i]}"
      wait_until_healthy "${clients[$i]}"
    fi
  done
  say 'all members are healthy'
fi

report_stale
if [ "$unit" = none ]; then
  say "the files are copied; start etcd yourself${engine:+: run containers/NAME.sh on the host of NAME}"
fi
