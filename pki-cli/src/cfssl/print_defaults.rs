//! `print-defaults`: templates to start from.

use super::command::Call;
use super::output;
use crate::failure::Failure;
use crate::io::Io;

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

pub(crate) fn run(call: &Call, io: &mut Io<'_>) -> Result<(), Failure> {
    let text = match call.operand()? {
        "config" => CONFIG,
        "csr" => CSR,
        "list" => LIST,
        other => {
            return Err(Failure::user(format!("there is no template {other:?}"))
                .hint("print-defaults config | csr | list"));
        }
    };
    output::print(io, text.as_bytes())
}
