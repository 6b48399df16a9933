//! `etcdpki cluster new`: a description to start from.

use clap::Args;
use pki_core::etcd::{Cluster, Error, EtcdVersion, Label, Member, describe};

use super::etcd_version;
use crate::exit_status::ExitStatus;
use crate::terminal::{CommandError, Terminal, print};

pub(super) const EXAMPLE: &str = "\
Exit status:
  0  the description was printed
  1  a name or an address cannot be used

Example:
  etcdpki cluster new --name prod --member etcd1=10.0.0.11,etcd1.example.com \\
    --member etcd2=10.0.0.12 --member etcd3=10.0.0.13 >cluster.yaml
  etcdpki cluster new --etcd 3.5 --name prod --member etcd1=10.0.0.11 >cluster.yaml";

/// The arguments of `new`.
#[derive(Args)]
pub(crate) struct New {
    /// The name of the cluster, which is part of its CAs' names
    #[arg(long, value_name = "NAME")]
    name: String,
    /// A member with its addresses and DNS names, such as etcd1=10.0.0.11,etcd1.example.com. Give it once for each member
    #[arg(long = "member", value_name = "NAME=ADDRESS[,...]", required = true)]
    members: Vec<String>,
    /// The version of etcd that the hosts have, such as 3.7 or 3.5.30. The default is the newest series
    #[arg(long, value_name = "VERSION", default_value_t = EtcdVersion::NEWEST, value_parser = etcd_version)]
    etcd: EtcdVersion,
}

impl New {
    pub(super) fn run(&self, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
        print::refuse_closed_output(terminal)?;
        let name = Label::parse(&self.name)?;
        let members: Vec<Member> =
            self.members.iter().map(|text| Member::parse(text)).collect::<Result<_, _>>()?;
        let text = describe(&name, &members, self.etcd);
        // What is printed can be applied: a mistake such as two members with one address is found here.
        let cluster = Cluster::from_yaml(&text, None).map_err(Error::without_place)?;
        print::warnings(terminal, &cluster.notices);
        print::text(terminal, &text)?;
        Ok(ExitStatus::Done)
    }
}
