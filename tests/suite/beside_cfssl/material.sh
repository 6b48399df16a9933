# Makes what both programs are given, in the current folder, with $CFSSL, $CFSSLJSON and openssl.
set -euo pipefail
issue() { "$CFSSL" gencert "${@:2}" 2>>cfssl.log | "$CFSSLJSON" -bare "$1"; }

echo '{"CN":"Test CA","key":{"algo":"ecdsa","size":256},"names":[{"C":"US","O":"Org"}]}' >ca.json
echo '{"CN":"Other CA","delegation_enabled":true,"crl_url":"http://c.example/x"}' >other.json
cat >all.json <<'JSON'
{"CN": "all", "key": {"algo": "ecdsa", "size": 384}, "serialnumber": "77", "delegation_enabled": true,
 "hosts": ["a.example", "10.0.0.1", "::1", "u@a.example", "https://u@a.example/p?q#f", "urn:a:b", "https://b.example"],
 "names": [{"C": "US", "ST": "S", "L": "L", "O": "Org", "OU": "first", "E": "e@a.example"},
           {"OU": "second", "OID": {"1.2.3.4": "x"}}],
 "extensions": [{"Id": [1, 2, 3, 4], "Critical": true, "Value": "BQA="}]}
JSON
echo '{"CN":"leaf","hosts":["a.example"]}' >leaf.json
echo '{"CN":"leaf","hosts":["a.example"],"key":{"algo":"rsa","size":2048}}' >rsa.json
echo '{"CN":"leaf","hosts":["a.example"],"key":{"algo":"ed25519"}}' >ed.json
echo '{"hosts":["a.example"]}' >nameless.json
echo '{"CN":"alone"}' >alone.json
echo '{"CN":"CA","ca":{"expiry":"24h"}}' >with-ca.json
echo '{"CN":"x","key":{"algo":"rsa","size":1024}}' >weak.json
echo '{"CN":"x","key":{"algo":"rsa","size":9000}}' >long.json
echo '{"CN":"x","key":{"algo":"ecdsa","size":255}}' >curve.json
echo '{"CN":"x","key":{"algo":"dsa","size":2048}}' >algorithm.json
echo '{"hosts":["x.example"],"key":{"algo":"ecdsa","size":256}}' >no-subject.json
echo '{"CN":"x","names":[{"OID":{"x.y":"v"}}]}' >oid.json
echo '{"CN":"x","hosts":["http://a..b/"]}' >uri.json
echo '{"CN":"x","ca":{"expiry":"0h"}}' >no-expiry.json
echo '{"CN":"x","ca":{"expiry":"1x"}}' >unit.json
echo '{"CN":"x","ca":{"pathlen":-2}}' >path-length.json
echo '{"CN":"x","hosts":"a"}' >type.json
echo 'junk' >junk
: >empty

cat >config.json <<'JSON'
{"signing": {"default": {"expiry": "24h", "usages": ["signing", "key encipherment", "server auth", "client auth"]},
  "profiles": {
   "server": {"expiry": "24h", "usages": ["signing", "server auth"]},
   "all": {"expiry": "24h", "usages": ["signing", "server auth"], "copy_extensions": true, "ocsp_no_check": true,
    "crl_url": "http://c.example/", "ocsp_url": "http://o.example/", "issuer_urls": ["http://i.example/"],
    "policies": [{"id": "1.2.3", "qualifiers": [{"type": "id-qt-cps", "value": "http://x.example/"}]}]},
   "ocsp": {"expiry": "24h", "usages": ["signing", "server auth"], "ocsp_url": "http://o.example/"},
   "ca": {"expiry": "24h", "usages": ["cert sign", "crl sign"],
    "ca_constraint": {"is_ca": true, "max_path_len": 0, "max_path_len_zero": true}},
   "white": {"expiry": "24h", "usages": ["signing"], "name_whitelist": "^b"},
   "no-key": {"expiry": "24h", "usages": ["signing"], "CSRWhitelist": {"Subject": true}},
   "serial": {"expiry": "24h", "usages": ["signing"], "ClientProvidesSerialNumbers": true}}}}
JSON
# Configs with one mistake each, by name: the default profile, or the profile x.
default() { echo "{\"signing\":{\"default\":{$2}}}" >"config-$1.json"; }
profile() { echo "{\"signing\":{\"profiles\":{\"x\":$2}}${3-}}" >"config-$1.json"; }
good='"expiry":"1h","usages":["signing"]'
default no-usages '"expiry":"24h"'
default no-expiry '"expiry":""'
default unit '"expiry":"1x"'
default zero '"expiry":"0h"'
profile null null
profile named-no-usages '{"expiry":"1h"}'
profile unknown-usages '{"expiry":"1h","usages":["nonsense"]}'
profile expression "{$good,\"name_whitelist\":\"(\"}"
profile no-auth-key "{$good,\"auth_key\":\"k\"}"
profile auth-key "{$good,\"auth_key\":\"k\"}" ',"auth_keys":{"k":{"type":"standard","key":"xyz"}}'
profile auth-type "{$good,\"auth_key\":\"k\"}" ',"auth_keys":{"k":{"type":"odd","key":"00"}}'
profile no-remote "{$good,\"remote\":\"r\"}"
profile qualifier "{$good,\"policies\":[{\"id\":\"1.2.3\",\"qualifiers\":[{\"type\":\"odd\",\"value\":\"x\"}]}]}"
profile policy "{$good,\"policies\":[{\"id\":\"x\"}]}"
profile date "{$good,\"not_before\":\"2020-01-01\"}"
echo '{}' >config-nothing.json
cat >config-client.json <<'JSON'
{"signing": {"default": {"auth_remote": {"remote": "r", "auth_key": "k"}}}, "remotes": {"r": "127.0.0.1:1"},
 "auth_keys": {"k": {"type": "standard", "key": "00"}}}
JSON

issue ca -initca ca.json
issue other -initca other.json
issue rsa-ca -initca rsa.json
below_ca="-ca ca.pem -ca-key ca-key.pem -config config.json -profile"
issue intermediate $below_ca ca leaf.json
issue below -ca intermediate.pem -ca-key intermediate-key.pem leaf.json
issue all $below_ca all all.json
issue leaf $below_ca ocsp leaf.json
for name in rsa ed nameless alone; do issue "$name" $below_ca server "$name.json"; done

openssl crl2pkcs7 -nocrl -certfile leaf.pem -certfile ca.pem -out two.p7
openssl crl2pkcs7 -nocrl -certfile leaf.pem -out one.p7
openssl crl2pkcs7 -nocrl -certfile leaf.pem -outform DER -out der.p7
openssl x509 -in leaf.pem -outform DER -out leaf.der
cat leaf.pem ca.pem >two.pem
sed 2s/M/N/ leaf.pem >broken.pem
openssl ec -in leaf-key.pem -aes128 -passout pass:secret -out encrypted-key.pem 2>>openssl.log
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout no-ca-key.pem -subj /CN=x \
  -addext basicConstraints=critical,CA:FALSE -out no-ca.pem 2>>openssl.log
cat >openssl.conf <<'CONF'
[req]
distinguished_name = names
attributes = attributes
req_extensions = extensions
prompt = no
[names]
CN = x
[attributes]
challengePassword = twelve
[extensions]
subjectAltName = DNS:a.example, URI:https://a.example/p, email:u@a.example
keyUsage = critical, digitalSignature
CONF
openssl req -new -newkey rsa:2048 -nodes -keyout openssl-key.pem -config openssl.conf -out openssl.csr 2>>openssl.log
