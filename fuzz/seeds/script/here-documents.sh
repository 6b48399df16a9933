#!/bin/bash
NAME=$(hostname -s)
IP=10.0.0.1
ARGS=(--name "$NAME"
  --data-dir /var/lib/etcd)
cat <<END | sudo tee /etc/systemd/system/etcd.service
[Service]
EnvironmentFile=-/etc/etcd/etcd.env
ExecStart=/usr/local/bin/etcd --name=${NAME} \\
  --listen-peer-urls=https://${IP}:2380 \$OPTS
END
sudo bash -c "cat >/etc/etcd/etcd.env" <<-'END'
	ETCD_LOG_LEVEL=info
	END
printf 'ETCD_SNAPSHOT_COUNT=%s\n' 1000 >>/etc/etcd/etcd.env
ssh -i key root@n2 'cat >/etc/etcd/etcd.yaml' <<<"name: n2"
{ echo "name: $NAME"; echo "data-dir: /d"; } >etcd.yaml
mv etcd.yaml /etc/etcd/
docker run -d $OPTS --name etcd quay.io/coreos/etcd:v3.5.9 etcd "${ARGS[@]}" &
