#!/usr/bin/env bash
NAME=a; export DATA='/var/lib/etcd'
exec etcd --name $NAME --initial-advertise-peer-urls https://10.0.0.1:2380 \
  --listen-peer-urls "https://10.0.0.1:2380" --data-dir="${DATA}" \
  --client-cert-auth \
  --initial-cluster a=https://10.0.0.1:2380,b=https://10.0.0.2:2380 2>&1 | tee log # comment
