//! `print-defaults`: cfssl's templates of a config and a CSR JSON.

use super::invocation::Invocation;
use crate::terminal::{CommandError, Terminal, print};

const CONFIG: &str = r#"{
    "signing": {
        "default": {
            "expiry": "168h"
        },
        "profiles": {
            "www": {
                "expiry": "8760h",
                "usages": [
                    "signing",
                    "key encipherment",
                    "server auth"
                ]
            },
            "client": {
                "expiry": "8760h",
                "usages": [
                    "signing",
                    "key encipherment",
                    "client auth"
                ]
            }
        }
    }
}

"#;

const CSR: &str = r#"{
    "CN": "example.net",
    "hosts": [
        "example.net",
        "www.example.net"
    ],
    "key": {
        "algo": "ecdsa",
        "size": 256
    },
    "names": [
        {
            "C": "US",
            "ST": "CA",
            "L": "San Francisco"
        }
    ]
}

"#;

const LIST: &str = "Default configurations are available for:\n\tconfig\n\tcsr\n";

/// Runs `print-defaults`.
pub(crate) fn run(invocation: &Invocation, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    let text = match invocation.operand()? {
        "config" => CONFIG,
        "csr" => CSR,
        "list" => LIST,
        other => {
            return Err(CommandError::new(format!("there is no template {other:?}"))
                .hint("write print-defaults config, or print-defaults csr"));
        }
    };
    print::text(terminal, text)
}
