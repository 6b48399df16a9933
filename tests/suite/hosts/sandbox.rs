//! Every layout in every style, as systemd runs it: the unit starts, and its sandbox is in force.

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::machine::Machine;
use super::{HOSTS, Hosts, on_hosts};
use crate::suite::layouts::LAYOUTS;
use crate::suite::product::Tree;
use crate::suite::trial::Outcome;

/// How a unit gets its options: name, style, kind of unit, and the series of etcd. Debian's own unit runs Debian's own
/// etcd.
const STYLES: [(&str, &str, &str, &str); 4] = [
    ("env", "env", "service", "3.5"),
    ("flags", "flags", "service", "3.5"),
    ("yaml", "yaml", "service", "3.5"),
    ("drop-in", "env", "drop-in", "3.4"),
];

pub fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for (name, style, unit, series) in STYLES {
        for layout in LAYOUTS {
            let name = format!("{name}::{}::starts_with_its_sandbox", layout.name);
            trials.push(on_hosts(&name, series, move |hosts| {
                let description =
                    described(hosts, json!({"layout": layout.name, "style": style, "unit": unit}));
                starts_with_its_sandbox(hosts, &Tree::of_value(&description).applied(), unit)
            }));
        }
    }
    trials.push(on_hosts("a_unit_sees_what_doctor_says", "3.5", |hosts| {
        sees_what_doctor_says(&hosts.machines[0]);
        Ok(())
    }));
    trials
}

/// The table that `doctor` is held to as well.
const SEEN: &str = include_str!("../../../fixtures/systemd/sandbox.txt");

/// Runs a command for each line of the table with the line's settings, and compares what it could do.
fn sees_what_doctor_says(host: &Machine) {
    let rows: Vec<Vec<&str>> = SEEN
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split(" | ").collect())
        .collect();
    let mut script = "mkdir -p /run/user/0 /srv/other\n".to_owned();
    for (number, row) in rows.iter().enumerate() {
        script += &format!(
            "mkdir -p {0} && touch {0}/before\n\
             cat >/run/systemd/system/seen{number}.service <<'END'\n[Service]\nType=oneshot\n{1}\n\
             StandardOutput=truncate:/run/seen{number}\n\
             ExecStart=/bin/sh -c 'if test -e {0}/before; then printf s; fi; if touch {0}/after 2>/dev/null; then printf w; fi'\nEND\n",
            row[0],
            row[1].replace("; ", "\n")
        );
    }
    script += "systemctl daemon-reload\n";
    for (number, row) in rows.iter().enumerate() {
        script += &format!(
            "rm -f {0}/after; systemctl start seen{number}; seen=$(cat /run/seen{number}); \
             if test -e {0}/after; then seen=${{seen}}l; fi; echo \"=$seen\"\n",
            row[0]
        );
    }
    let ran = host.shell(&script);
    let found: Vec<&str> = ran.stdout.lines().filter_map(|line| line.strip_prefix('=')).collect();
    assert_eq!(found.len(), rows.len(), "{ran}");
    let wrong: Vec<String> = rows
        .iter()
        .zip(found)
        .filter(|(row, found)| row[2] != *found)
        .map(|(row, found)| format!("{}: {found}", row.join(" | ")))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Three members on the first hosts, with more that a description says.
pub fn described(hosts: &Hosts, more: Value) -> Value {
    let members: Vec<_> = HOSTS[..3]
        .iter()
        .zip(1..)
        .map(|((_, address), n)| json!({"name": format!("etcd{n}"), "address": address}))
        .collect();
    let mut description = json!({"name": "prod", "version": hosts.etcd().version, "members": members});
    description.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    description
}

/// What systemd says about the service, whatever the distribution's unit says.
const SHOWN: &str = "
    ActiveState=active SubState=running NRestarts=0 UnitFileState=enabled Type=notify NotifyAccess=main Restart=always
    User=etcd Group=etcd UMask=0077 Nice=-5 OOMScoreAdjust=-999 LimitNOFILE=65536 TimeoutStartUSec=15min
    StateDirectory=etcd StateDirectoryMode=0700 WorkingDirectory=/var/lib/etcd IOSchedulingClass=2
    CapabilityBoundingSet= AmbientCapabilities= NoNewPrivileges=yes SystemCallArchitectures=native
    ProtectSystem=strict ProtectHome=yes ProtectProc=invisible ProtectClock=yes ProtectHostname=yes
    ProtectKernelTunables=yes ProtectKernelModules=yes ProtectKernelLogs=yes ProtectControlGroups=yes
    PrivateTmp=yes PrivateDevices=yes RemoveIPC=yes LockPersonality=yes MemoryDenyWriteExecute=yes
    RestrictNamespaces=yes RestrictRealtime=yes RestrictSUIDSGID=yes
";

/// What the kernel says about the process.
const PROCESS: &str = "
    CapInh:0000000000000000 CapPrm:0000000000000000 CapEff:0000000000000000 CapBnd:0000000000000000
    CapAmb:0000000000000000 NoNewPrivs:1 Seccomp:2
";

/// What the process can write to, were it root: the folder of its data, and its own temporary folders.
const WRITABLE: &str = "/tmp /var/lib/etcd /var/tmp";

/// Calls that no database makes, and two that etcd makes.
const NEITHER_NOR: ([&str; 4], [&str; 2]) =
    (["mount", "reboot", "swapon", "ptrace"], ["accept4", "fdatasync"]);

/// Prints `SECTION FACT` in lines.
const FACTS: &str = r#"
touch /tmp/of-others
systemctl show --all etcd.service | sed "s/^/shown /"
systemd-analyze security --no-pager etcd.service | sed -n "s/.*exposure level for etcd.service: /exposure /p"
pid=$(systemctl show --property=MainPID --value etcd)
tr -d " \t" < "/proc/$pid/status" | sed "s/^/process /"
grep " /proc " "/proc/$pid/mountinfo" | sed "s/^/proc /"
echo "user $(stat --format=%U "/proc/$pid")"
echo "program $(readlink "/proc/$pid/exe")"
nsenter --target="$pid" --mount sh -c '
    for folder in / /boot /etc /etc/etcd /etc/etcd/pki /home /opt /root /srv /tmp /usr /var /var/lib /var/lib/etcd \
        /var/log /var/tmp; do
        if touch "$folder/of-the-service" 2> /dev/null; then
            rm "$folder/of-the-service"
            echo "writable $folder"
        fi
    done
    for folder in /home /root /tmp; do ls -A "$folder"; done | sed "s/^/seen /"
'
"#;

/// Facts about the service on a host.
struct Facts(String);

impl Facts {
    fn of(machine: &Machine) -> Self {
        Self(machine.shell(FACTS).ok().stdout)
    }

    fn all(&self, section: &str) -> Vec<&str> {
        self.0.lines().filter_map(|line| line.strip_prefix(section)?.strip_prefix(' ')).collect()
    }

    #[track_caller]
    fn assert_has(&self, section: &str, wanted: &str) {
        let all = self.all(section);
        let missing: Vec<_> = wanted.split_whitespace().filter(|fact| !all.contains(fact)).collect();
        let key = |fact: &str| fact.split(['=', ':']).next().unwrap_or_default().to_owned();
        let keys: Vec<_> = missing.iter().map(|fact| key(fact)).collect();
        let instead: Vec<_> = all.into_iter().filter(|fact| keys.contains(&key(fact))).collect();
        assert!(missing.is_empty(), "{section}: not {missing:?}, but {instead:?}");
    }
}

fn starts_with_its_sandbox(hosts: &Hosts, tree: &Tree, unit: &str) -> Outcome {
    let ran = hosts.deploy(tree, &[]).ok();
    assert!(ran.stderr.ends_with("all members are healthy\n"), "{ran}");
    let machine = &hosts.machines[0];
    let facts = Facts::of(machine);
    facts.assert_has("shown", SHOWN);
    facts.assert_has("process", PROCESS);
    let paths = match unit {
        "drop-in" => {
            "FragmentPath=/lib/systemd/system/etcd.service \
             DropInPaths=/etc/systemd/system/etcd.service.d/10-etcdpki.conf"
        }
        _ => "FragmentPath=/etc/systemd/system/etcd.service DropInPaths=",
    };
    facts.assert_has("shown", paths);
    assert_eq!((facts.all("user"), facts.all("program")), (vec!["etcd"], vec!["/usr/bin/etcd"]));
    assert_eq!(facts.all("writable").join(" "), WRITABLE);
    assert_eq!(facts.all("seen"), [""; 0], "it sees what is others'");
    assert!(facts.all("proc")[0].contains("hidepid=invisible"));
    let calls =
        facts.all("shown").into_iter().find_map(|fact| fact.strip_prefix("SystemCallFilter=")).unwrap();
    let calls: Vec<_> = calls.split_whitespace().collect();
    let (never, always) = NEITHER_NOR;
    assert!(!never.iter().any(|call| calls.contains(call)), "{calls:?}");
    assert!(always.iter().all(|call| calls.contains(call)), "{calls:?}");
    let exposure: f64 = facts.all("exposure")[0].split_whitespace().next().unwrap().parse().unwrap();
    assert!(exposure <= 2.0, "systemd rates the exposure {exposure}");
    for machine in &hosts.machines[1..3] {
        assert_eq!(machine.shell("systemctl show --property=NRestarts etcd").ok().stdout, "NRestarts=0\n");
    }
    Ok(())
}
