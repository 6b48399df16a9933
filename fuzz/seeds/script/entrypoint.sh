sudo podman run --rm --net host --entrypoint etcd --user 0:0 quay.io/coreos/etcd:v3.5.30 --name=a --trusted-ca-file /etc/etcd/pki/ca.pem
