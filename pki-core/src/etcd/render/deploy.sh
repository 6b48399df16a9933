usage() {
  cat <<'END'
Usage: ./deploy.sh [--copy] [--timeout SECONDS] [MEMBER...]

Copies what is in nodes/MEMBER to the member's host, starts the members that do not run, and waits until they are
healthy. A member that joins the cluster is added to it before it starts. No running member is ever restarted.
Without MEMBER: all members.

  --copy             only copy
  --timeout SECONDS  how long to wait for health, 300 if it is left out
  --help             this text

Hosts are reached with ssh, as root or as a user who may use sudo without a password. ETCDCTL names etcdctl if it is
not on PATH.

Exit status: 0 all is done, 1 something failed, 2 wrong usage, 3 not healthy in time.
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
  problem "$1" './deploy.sh --help tells how it is used'
  exit 2
}

# Everything below is found from here, so that the folder may be anywhere.
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
      [ $# -gt 1 ] || wrong_usage '--timeout wants a number of seconds'
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
  '' | *[!0-9]* | ???????*) wrong_usage '--timeout wants a number of seconds' ;;
esac
if [ "$unit" = none ]; then copy_only=yes; fi

names=() targets=() peers=() clients=() states=() running=() changed=()
while read -r name target peer client state; do
  if [ "$wanted" != ' ' ] && [ "${wanted#* "$name" }" = "$wanted" ]; then continue; fi
  names+=("$name") targets+=("$target") peers+=("$peer") clients+=("$client") states+=("$state")
done <<< "$members"

# TARGET SCRIPT: runs a script there as root. No script has a single quote in it, and what is put into one are names
# and paths without any character that means something.
on_host() {
  # shellcheck disable=SC2016 # The host expands it.
  local as_root='test "$(id -u)" = 0 || exec sudo -n sh -c "$1"; exec sh -c "$1"'
  ssh -o BatchMode=yes -o ConnectTimeout=10 -- "$1" "exec sh -c '$as_root' sh '$settings
$2'"
}

settings="LC_ALL=C; export LC_ALL; set -eu; umask 077
user=$user; binary=$binary; pki=$pki; data=$data; unit=$unit; engine=$engine"

read -r -d '' check_host <<'END' || true
id -u -- "$user" > /dev/null 2>&1 || echo no-user
if test "$unit" = none; then
  test -z "$engine" || command -v "$engine" > /dev/null || echo no-engine
else
  test -x "$binary" || echo no-binary
  command -v systemctl > /dev/null || echo no-systemd
  test "$unit" != drop-in || systemctl cat etcd.service > /dev/null 2>&1 || echo no-unit
  case $(systemctl is-active etcd.service 2> /dev/null) in
    active | activating | reloading) echo running ;;
  esac
fi
test ! -d "$data/member" || echo has-data
END

# Unpacks first, and then puts each file into its place by renaming it: etcd reads its certificates anew whenever
# somebody connects. Keys come before their certificates.
#
# Whoever owns a folder can put a link into it at any time, and what root does by the name of that link is done to
# something else. So a file is made complete in a folder that only root can change, and renaming replaces a link
# without following it. A folder that others can change is entered first: what follows concerns that folder, whatever
# its name has come to mean.
read -r -d '' install_files <<'END' || true
stage=$(mktemp -d /run/etcdpki.XXXXXX)
new=
trap "rm -rf $stage \$new" EXIT
trap "exit 1" HUP INT TERM
mkdir "$stage/files"
tar -C "$stage/files" --no-same-owner -xpf -

# Whether only root can change the folder that was entered.
is_of_root() {
  case $(stat -c %u:%A .) in
    0:d????-??-?*) ;;
    *) return 1 ;;
  esac
}

# FOLDER: enters it, without following a link that others can have made. $safe is then the last folder on the way
# that only root can change.
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
        echo "$expected is a link to $PWD that others than root can have made: nothing was written there" >&2
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

# etcdctl refuses an option that it is given twice, so nothing of the caller's is left.
etcdctl() {
  (
    # shellcheck disable=SC2086 # Several names.
    unset ${!ETCDCTL_@}
    # shellcheck source=/dev/null
    . clients/root/etcdctl.env
    # What the file says of folders may not be so any more.
    export ETCDCTL_CACERT="clients/root/${ETCDCTL_CACERT##*/}"
    export ETCDCTL_CERT="clients/root/${ETCDCTL_CERT##*/}"
    export ETCDCTL_KEY="clients/root/${ETCDCTL_KEY##*/}"
    if [ -n "$endpoints" ]; then export ETCDCTL_ENDPOINTS="$endpoints"; fi
    exec "${ETCDCTL:-etcdctl}" "$@"
  )
}

# URLS: waits until the members there are healthy.
endpoints=
wait_until_healthy() {
  local said endpoints=$1
  say "waiting for $endpoints"
  until said=$(etcdctl endpoint health 2>&1); do
    if [ "$SECONDS" -ge "$deadline" ]; then
      problem "not healthy after $timeout s:
$said" "ssh to the host and look at: journalctl -u etcd; whether the members reach each other; and their clocks"
      exit 3
    fi
    sleep 1
  done
}

# NAME PEER-URLS HAS-DATA: tells the cluster of a member, unless it knows it. A member that did not start yet has no
# name there. A cluster whose members have just found each other takes none (etcd, --strict-reconfig-check).
add_member() {
  local listed said
  while true; do
    listed=$(etcdctl member list) || fail "$1 joins the cluster, which does not answer" 'start the other members first'
    if awk -F ', ' -v urls="$2" '
      BEGIN { split(urls, wanted, ",") }
      { count = split($4, known, ","); for (i = 1; i <= count; i++) if (known[i] == wanted[1]) found = 1 }
      END { exit !found }' <<< "$listed"; then return; fi
    if [ "$3" = has-data ]; then
      fail "$1 joins the cluster, and its host has the data of a member that is none any more: $data" \
        "if you do not need it, empty that folder on the host, and run this again"
    fi
    if said=$(etcdctl member add "$1" "--peer-urls=$2" 2>&1); then
      say "$1 is a member now"
      return
    fi
    if [ "$SECONDS" -ge "$deadline" ] || [ "${said#*unhealthy cluster}" = "$said" ]; then
      fail "the cluster does not take $1:
$said"
    fi
    sleep 1
  done
}

# Checks come before anything is done.
problems=0
for program in ssh tar awk; do
  if ! command -v "$program" > /dev/null; then
    problem "no $program here" "install it"
    problems=1
  fi
done
if [ -z "$copy_only" ] && ! command -v "${ETCDCTL:-etcdctl}" > /dev/null; then
  problem 'no etcdctl here' 'install it, name it in ETCDCTL, or say --copy and start the members yourself, all at once'
  problems=1
fi
[ "$problems" = 0 ] || exit 1
has_data=()
for i in "${!names[@]}"; do
  name=${names[$i]} target=${targets[$i]}
  for file in $certificates; do
    if [ ! -e "nodes/$name$pki/$file" ]; then
      problem "nodes/$name$pki/$file is missing" "run etcdpki cluster apply again once its CA has signed it"
      problems=1
    fi
  done
  if ! facts=$(on_host "$target" "$check_host"); then
    problem "$name: no way to be root on $target" \
      "\`ssh $target\` must work without a password; the member's \`ssh:\` in the description names another way"
    problems=1
    continue
  fi
  running[i]='' has_data[i]=''
  for fact in $facts; do
    case $fact in
      running) running[i]=running ;;
      has-data) has_data[i]=has-data ;;
      no-user)
        problem "$name: no user $user on $target" \
          "there: useradd --system --user-group --home-dir $data --shell /usr/sbin/nologin $user"
        problems=1
        ;;
      no-binary)
        problem "$name: no $binary on $target" "install etcd there, or write its path: \`host: {binary: ...}\`"
        problems=1
        ;;
      no-engine)
        problem "$name: no $engine on $target" 'install it there'
        problems=1
        ;;
      no-systemd)
        problem "$name: no systemd on $target" "write \`unit: none\` to start etcd in another way"
        problems=1
        ;;
      no-unit)
        problem "$name: no etcd.service on $target that the drop-in could change" \
          "install the package that brings it, or write \`unit: service\`"
        problems=1
        ;;
    esac
  done
done
[ "$problems" = 0 ] || exit 1

for i in "${!names[@]}"; do
  name=${names[$i]} target=${targets[$i]}
  say "copying to $target"
  changed[i]=$(COPYFILE_DISABLE=1 tar -C "nodes/$name" -cf - . | on_host "$target" "$install_files") ||
    fail "$name: copying to $target failed"
  for file in ${changed[$i]}; do say "  $file"; done
done

if [ -z "$copy_only" ]; then
  deadline=$((SECONDS + timeout))
  # A member is ready once there is a quorum, so none is waited for before all have started.
  founders=
  for i in "${!names[@]}"; do
    if [ "${states[$i]}" = new ] || [ -n "${running[$i]}" ]; then
      if [ -z "${running[$i]}" ]; then say "starting ${names[$i]}"; fi
      on_host "${targets[$i]}" "$start_service" || fail "${names[$i]} cannot be started"
      founders=$founders,${clients[$i]}
    fi
  done
  if [ -n "$founders" ]; then wait_until_healthy "${founders#,}"; fi
  # One after the other: each must be there before the cluster takes the next.
  for i in "${!names[@]}"; do
    if [ "${states[$i]}" = existing ] && [ -z "${running[$i]}" ]; then
      add_member "${names[$i]}" "${peers[$i]}" "${has_data[$i]}"
      say "starting ${names[$i]}"
      on_host "${targets[$i]}" "$start_service" || fail "${names[$i]} cannot be started"
      wait_until_healthy "${clients[$i]}"
    fi
  done
  say 'all are healthy'
fi

# etcd reads certificates and keys anew for every connection; all else it reads when it starts.
for i in "${!names[@]}"; do
  stale=
  if [ -n "${running[$i]}" ]; then
    for file in ${changed[$i]}; do
      case " $certificates " in
        *" ${file##*/} "*) ;;
        *) stale="$stale $file" ;;
      esac
    done
  fi
  if [ -n "$stale" ]; then
    say "${names[$i]} runs with what it read before:$stale"
    say "  when all members are healthy, and one member at a time: ssh ${targets[$i]} systemctl restart etcd"
  fi
done
if [ "$unit" = none ]; then
  say "copied; how etcd is started is up to you${engine:+: containers/NAME.sh, on the host of NAME}"
fi
