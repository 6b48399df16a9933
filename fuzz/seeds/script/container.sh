#!/bin/sh
docker run -d --restart=always -p 2379:2379 -v /etc/etcd:/etc/etcd \
  --name etcd quay.io/coreos/etcd:v3.5.30 /usr/local/bin/etcd --name=a --data-dir=/etcd-data
