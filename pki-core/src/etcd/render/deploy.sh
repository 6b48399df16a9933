usage() {
  cat <<'END'
Usage: ./deploy.sh [--copy] [--timeout SECONDS] [MEMBER...]

Copies the files in nodes/MEMBER to the host of each MEMBER, starts the members that are not running, and waits until
they are healthy. A member that joins the cluster is added to it before it starts. Running members are not restarted.
Without MEMBER, it does this for all members.

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

names=() targets=() peers=() clients=() states=() running=() changed=()
while read -r name target peer client state; do
  if [ "$wanted" != ' ' ] && [ "${wanted#* "$name" }" = "$wanted" ]; then continue; fi
  names+=("$name") targets+=("$target") peers+=("$peer") clients+=("$client") states+=("$state")
done <<< "$members"

# on_host TARGET SCRIPT: runs a script as root on a host. The scripts have no single quotes, and the names and paths in
# $settings have no characters that are special in a shell.
on_host() {
  # shellcheck disable=SC2016 # The shell on the host expands it.
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

# etcdctl refuses an option that is both a flag and a variable, so the variables of the caller are removed.
etcdctl() {
  (
    # shellcheck disable=SC2086 # The list has several names.
    unset ${!ETCDCTL_@}
    # shellcheck source=/dev/null
    . clients/root/etcdctl.env
    # The absolute paths in the file are wrong if the output folder was moved.
    export ETCDCTL_CACERT="clients/root/${ETCDCTL_CACERT##*/}"
    export ETCDCTL_CERT="clients/root/${ETCDCTL_CERT##*/}"
    export ETCDCTL_KEY="clients/root/${ETCDCTL_KEY##*/}"
    if [ -n "$endpoints" ]; then export ETCDCTL_ENDPOINTS="$endpoints"; fi
    exec "${ETCDCTL:-etcdctl}" "$@"
  )
}

# wait_until_healthy URLS: waits until the members with these client URLs are healthy.
endpoints=
wait_until_healthy() {
  local said endpoints=$1
  say "waiting for $endpoints"
  until said=$(etcdctl endpoint health 2>&1); do
    if [ "$SECONDS" -ge "$deadline" ]; then
      problem "not healthy after $timeout s:
$said" "on the host, read the log with: journalctl -u etcd; check the network between the members, and their clocks"
      exit 3
    fi
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
    if said=$(etcdctl member add "$1" "--peer-urls=$2" 2>&1); then
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
has_data=()
for i in "${!names[@]}"; do
  name=${names[$i]} target=${targets[$i]}
  for file in $certificates; do
    if [ ! -e "nodes/$name$pki/$file" ]; then
      problem "nodes/$name$pki/$file is missing" "run \`etcdpki cluster apply\` again when the CA has signed the certificate"
      problems=1
    fi
  done
  if ! facts=$(on_host "$target" "$check_host"); then
    problem "$name: cannot run commands as root on $target" \
      "make \`ssh $target\` and sudo there work without a password, or write another destination: \`ssh: USER@HOST\`"
    problems=1
    continue
  fi
  running[i]='' has_data[i]=''
  for fact in $facts; do
    case $fact in
      running) running[i]=running ;;
      has-data) has_data[i]=has-data ;;
      no-user)
        problem "$name: there is no user $user on $target" \
          "run there: useradd --system --user-group --home-dir $data --shell /usr/sbin/nologin $user"
        problems=1
        ;;
      no-binary)
        problem "$name: there is no $binary on $target" \
          "install etcd there, or write its path in the description: \`host: {binary: /usr/local/bin/etcd}\`"
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
  # A member is ready only when the cluster has a quorum, so all are started before the script waits.
  founders=
  for i in "${!names[@]}"; do
    if [ "${states[$i]}" = new ] || [ -n "${running[$i]}" ]; then
      if [ -z "${running[$i]}" ]; then say "starting ${names[$i]}"; fi
      on_host "${targets[$i]}" "$start_service" || fail "${names[$i]} cannot be started"
      founders=$founders,${clients[$i]}
    fi
  done
  if [ -n "$founders" ]; then wait_until_healthy "${founders#,}"; fi
  # One after the other, because a cluster accepts a new member only when all others are healthy.
  for i in "${!names[@]}"; do
    if [ "${states[$i]}" = existing ] && [ -z "${running[$i]}" ]; then
      add_member "${names[$i]}" "${peers[$i]}" "${has_data[$i]}"
      say "starting ${names[$i]}"
      on_host "${targets[$i]}" "$start_service" || fail "${names[$i]} cannot be started"
      wait_until_healthy "${clients[$i]}"
    fi
  done
  say 'all members are healthy'
fi

# etcd reads certificates and keys again for every connection, and all other files when it starts.
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
    say "${names[$i]} still uses the old contents of:$stale"
    say "  restart one member at a time, each when all are healthy: ssh ${targets[$i]} systemctl restart etcd"
  fi
done
if [ "$unit" = none ]; then
  say "the files are copied; start etcd yourself${engine:+: run containers/NAME.sh on the host of NAME}"
fi
