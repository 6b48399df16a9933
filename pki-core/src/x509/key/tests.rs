//! Key files of every form that is read, and of some that are not.

use super::*;
use crate::x509::error::ErrorKind;
use crate::x509::pem;
use crate::x509::random::SystemRandomness;

/// One key on P-256 as OpenSSL 3.0 writes it, without a password and with the password "secret".
const PLAIN: &str = "-----BEGIN EC PRIVATE KEY-----
MHcCAQEEILUbr7YGLrCFc9pQXiLtV6pYUsmtt+oU9r0MtXtJnj+SoAoGCCqGSM49
AwEHoUQDQgAEa5qmi56I2FzxFWWDQ0TDmcTa1padQDNmWgulWXAyaxxknizxbgYQ
/564UDjoPH9ij3VyEacyGr/nq3kpQRevDQ==
-----END EC PRIVATE KEY-----
";

/// `openssl pkcs8 -topk8 -iter 1 -v2 aes-256-cbc -v2prf hmacWithSHA256`
const PKCS8: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHrMFYGCSqGSIb3DQEFDTBJMCgGCSqGSIb3DQEFDDAbBAjLuZho3gQ4ZQIBATAM
BggqhkiG9w0CCQUAMB0GCWCGSAFlAwQBKgQQOE1OJPbZnF/MQ7Yaa9wZ4gSBkJGh
GIzoZBEYzOjk/e7wmbtU2nwjYxxzKfce+kCUqhHjioq5Q/lZmvbxny+mj6Fz74OL
Wg+GN9Kr4YrrMmIyMlkgWQ7GpDQWyU/8h98r0NLaICk0a356sDzSxpPYAwrLm2Zv
PoeTMCs6JFTOczdzZ4FhhQ8IMgeOxaTn6NxZ2cwl9AKORfB/o1uWl12NQaEDDA==
-----END ENCRYPTED PRIVATE KEY-----
";

/// `openssl ec -aes128` and so on: the header DEK-Info, and the block.
const OLD: [(&str, &str); 4] = [
    (
        "AES-128-CBC,F6428E1959B67D1F71C3A817A603A31F",
        "wb95TeiaWm4iknQ4/U0QD3/zkVz9TmYwvTG5tM8WcdhN8WGFLmIZCwfQq/qKEBbc
NYyhPV1WdW174/2XhsEeejDCyyAZHoXR2zwt0XaZ+PTd1W1Rp0Cy/WN6zVuKhh6Z
58WcSJbA0l1KuZZ6/FQ9DHLfZC09l6rJ5P+EELJjQh0=",
    ),
    (
        "DES-EDE3-CBC,0C2A15415FE65609",
        "sKqrlfeFIYS/0P6q9jTyITDSIOIGh+W07CRP3iCTp5y/KJjI/ZYuKJgxF90H/V63
XSJ/J2et8gc0dITKdxCDbANlDB3Vr8+sMnxXLiE5Ze5NNNw0UIk4JsMUHkTeGOqA
fjxipbjKsrWPvFxIPWNBqp4qKiQKosMeLnVRfmXfEuA=",
    ),
    (
        "AES-192-CBC,BB8CA1962B8ECE56F1C8D0FF5497D3B9",
        "qZxhAT9//YFhg7oy4HBOQmfJvvXO+xqxAXaW8B/uiZ1GH+eAz0t20GnG4f8tag33
sbZI+X6JxzOoTgq0i2KNaeDql1gwCs83LyjtHKzHQ4c/+0i0zTYZhSgyPhZYqL7L
Jm8egpsLyC2t1KxcUANxC2CIC3QHk5FAR9BefK0VsOs=",
    ),
    (
        "AES-256-CBC,4E60C21E428F07C8AA6642E033F7376D",
        "yJVOXw5drdYKu2ytCr5Ciy+BjpBMbRVhn27jLZEYbKlN5Z5DDjvHxdtg0z3Xucrb
U+CSYYNqAPNHYynH/pw39rCUq6Ou1Ci1XqlwCn1DfoNTA445Ip+y+05ozgKNa0zQ
kWbBUyV8bnRMBfEgGgX7/SX9br0sVlurmkRHa1IgJ6A=",
    ),
];

fn old(dek_info: &str, base64: &str) -> String {
    format!(
        "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: {dek_info}\n\n{base64}\n\
         -----END EC PRIVATE KEY-----\n"
    )
}

fn read(text: &str, password: Option<&str>) -> Result<PrivateKey, String> {
    PrivateKey::read(text.as_bytes(), password).map_err(|error| error.to_string())
}

#[track_caller]
fn refused(text: &str, password: Option<&str>, message: &str) {
    assert_eq!(read(text, password).unwrap_err(), message);
}

#[test]
fn keys_with_a_password_are_opened_with_it() {
    let plain = read(PLAIN, None).unwrap();
    let all = OLD.map(|(info, base64)| old(info, base64));
    for text in all.iter().map(String::as_str).chain([PKCS8]) {
        assert_eq!(read(text, Some("secret")).unwrap().public_key(), plain.public_key());
        refused(text, None, "the private key is encrypted");
        // With a wrong password, one of 256 is padded rightly by chance, and then no key.
        let error = read(text, Some("wrong")).unwrap_err();
        assert!(
            error == "the password does not open the private key" || error.contains("it is not"),
            "{error}"
        );
    }
    assert_eq!(read(PLAIN, Some("unused")).unwrap().public_key(), plain.public_key());
}

#[test]
fn other_encryptions_are_told() {
    let neither = "the private key cannot be used: its encryption is neither AES-CBC nor DES-EDE3-CBC";
    let (info, base64) = OLD[0];
    for wrong in [
        info.replace("AES-128-CBC", "CAMELLIA-128-CBC"),
        info.replace(',', ""),
        info.replace("F642", "X642"),
        info.replace("F642", "F64"),
    ] {
        refused(&old(&wrong, base64), Some("secret"), neither);
    }
    // An initialisation vector of another length.
    let short = info.replace("F642", "");
    refused(&old(&short, base64), Some("secret"), "the password does not open the private key");
    let no_info = old(info, base64).replace("DEK-Info", "Other");
    refused(&no_info, Some("secret"), neither);
    let pbes1 = PKCS8.replace("MIHrMFYGCSqGSIb3DQEFDTBJ", "MIHrMFYGCSqGSIb3DQEFAzBJ");
    refused(&pbes1, Some("secret"), "the private key cannot be used: its encryption is not PBES2");
}

#[test]
fn a_key_is_read_in_each_of_its_forms() {
    for algorithm in
        [KeyAlgorithm::EcdsaP384, KeyAlgorithm::EcdsaP521, KeyAlgorithm::Ed25519, KeyAlgorithm::Rsa2048]
    {
        let key = SystemKeys.generate(algorithm).unwrap();
        let text = key.to_pem();
        let own = PrivateKey::read(text.as_bytes(), None).unwrap();
        assert_eq!((own.public_key(), &*own.to_pem()), (key.public_key(), &*text));
        let pkcs8 = key.to_pkcs8().unwrap();
        for bytes in [&pkcs8[..], pem::encode("ANYTHING", &pkcs8).as_bytes()] {
            let read = PrivateKey::read(bytes, None).unwrap();
            assert_eq!((read.public_key(), &*read.to_pem()), (key.public_key(), &*text), "{algorithm}");
        }
        let label = match algorithm {
            KeyAlgorithm::Ed25519 => "PRIVATE KEY",
            KeyAlgorithm::Rsa2048 => "RSA PRIVATE KEY",
            _ => "EC PRIVATE KEY",
        };
        assert!(text.starts_with(&format!("-----BEGIN {label}-----\n")), "{algorithm}");
        assert_eq!(format!("{key:?}"), format!("PrivateKey {{ kind: {:?}, .. }}", key.public_key().kind()));
    }
    // As `openssl ecparam -genkey` writes it.
    let parameters = pem::encode("EC PARAMETERS", b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07");
    assert!(read(&format!("{parameters}{PLAIN}"), None).is_ok());
    let none = "there is no PEM private key in it";
    for text in ["", "junk", &parameters, &PLAIN[..100]] {
        refused(text, None, none);
    }
}

#[test]
fn weak_and_unknown_keys_are_refused() {
    let not_known = "the private key cannot be used: it is not an RSA, P-256, P-384, P-521 or Ed25519 key in PKCS#8, \
                     PKCS#1 or SEC 1";
    refused(&pem::encode("PRIVATE KEY", b"\x30\x00"), None, not_known);
    let certificate = crate::x509::tests::Contents::ca("A").self_signed().0;
    refused(&certificate.to_pem(), None, "this is a certificate, not a private key");
    let error = PrivateKey::read(b"\x30\x00", None).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::PrivateKey { .. }));
    // `openssl genrsa 1024`
    let weak = "-----BEGIN PRIVATE KEY-----
MIICdQIBADANBgkqhkiG9w0BAQEFAASCAl8wggJbAgEAAoGBANyeLJpLy54LGnX0
CZXrpWzurO/L4UGuSGIsrbBcKSPVZMwwGtsUJ4xp8p3lXuBT6jDiNVvfinl1hw41
2XvrHicw1FGwlPt1vezMFqbJP4xeOE4bdzdM+8ZIju0F2zCogGCuBstEMsq8RHAL
fyFsFmX2TIMv20AT2f/ey5RnJIozAgMBAAECgYAAz7AYTSkNhrrtLh2O6JPuJ56J
LzW/2RU5DzMAUAZytEkvmwmuPo+6q3UR8ZL8vjJBRcOud875jV4Wxknrc7zjpED5
u1P/dT8H7Z2O8QXmK+xaTe4Yx7786I994C9t1MF45/iGEfQ5B/QwHJCDs7i+TBf5
W2zy0CHIPUbpmpb5OQJBAP0xmi0BS1bvL+aaYJ62AMOnLmHEqh2q732MZhEAlFnh
btydcsx5xOXgjJBl9JzMrz3DhWNAB8JPY0DAeO4j4gcCQQDfECSaK9DKXwRxLzN9
j7ZIN6dkSsJ2u24cYJprgE2BSUMjz0b24WdgP7PxZ39p5ufBzp7V14Om82ERqpHo
/Jt1AkB5ADOGPpAaw8RImI6ESsaiukrYPnxuITrC7U354iUDr1Cj7jrmrWsD0QRc
Hd2A8fDtu3sLq5YJrpboYxNn+44RAkBj8aO0wDUIt5IR9Igplh6iNO13ble7QzeO
12nZCN+xMdY3UUQGke/znBdP7oOUO7VTjPR18941C49OjxJZRfWRAkA0a2ofCUV3
vjwjmhZIB+RRloDw0bevVwc+ENd9ouBFJMzn21CJ1JCGqvsiFED5EhS8KeUzb2Zy
4/ARNsgdyIG8
-----END PRIVATE KEY-----
";
    refused(weak, None, "the private key cannot be used: RSA keys of less than 2048 bits are too weak");
}

#[test]
fn encrypted_text_is_of_the_key_and_random() {
    let key = read(PLAIN, None).unwrap();
    let text = key.to_encrypted_pem("secret", &SystemRandomness).unwrap();
    assert!(text.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
    assert_ne!(*text, *key.to_encrypted_pem("secret", &SystemRandomness).unwrap());
    assert_eq!(read(&text, Some("secret")).unwrap().public_key(), key.public_key());
}

#[test]
fn names_of_kinds_are_read_and_written() {
    for kind in KeyAlgorithm::ALL {
        assert_eq!(kind.name().parse(), Ok(kind));
        let is_rsa = kind.name().starts_with("rsa");
        assert_eq!((kind.is_rsa(), kind.is_slow()), (is_rsa, is_rsa));
        assert_eq!(PublicKeyKind::from(kind).to_string(), kind.name());
    }
    let error = "rsa2048".parse::<KeyAlgorithm>().unwrap_err();
    assert_eq!(error.to_string(), "\"rsa2048\" is not a kind of key");
    assert_eq!(PublicKeyKind::EcdsaP224.to_string(), "ecdsa-224");
}
