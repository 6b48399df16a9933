//! What one thing costs: a key, a certificate, a plan.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::PathBuf;

use criterion::{Criterion, criterion_group, criterion_main};
use pki_core::etcd::{Cluster, Plan};
use pki_core::{
    Certificate, CertificateInfo, Config, Issuer, KeyAlgorithm, KeySource, Request, SigningRequest,
    SystemKeys, SystemRandomness, ca,
};
use time::OffsetDateTime;

fn issuer(now: OffsetDateTime) -> Issuer {
    let request = Request { common_name: "bench CA".to_owned(), ..Request::default() };
    let key = SystemKeys.generate(KeyAlgorithm::EcdsaP256).unwrap();
    let made = ca::create(&request, &key, now, &SystemRandomness).unwrap().value;
    Issuer::new(made.certificate, key).unwrap()
}

fn keys(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("generate a key");
    for algorithm in KeyAlgorithm::ALL.into_iter().filter(|algorithm| !algorithm.is_rsa()) {
        group.bench_function(algorithm.name(), |bencher| {
            bencher.iter(|| SystemKeys.generate(algorithm).unwrap())
        });
    }
}

fn certificates(criterion: &mut Criterion) {
    let now = OffsetDateTime::now_utc();
    let issuer = issuer(now);
    let request = Request {
        common_name: "etcd1".to_owned(),
        hosts: vec!["10.0.0.11".to_owned(), "etcd1.example".to_owned()],
        ..Request::default()
    };
    let config = Config::default();
    for algorithm in [KeyAlgorithm::EcdsaP256, KeyAlgorithm::Rsa2048] {
        let key = SystemKeys.generate(algorithm).unwrap();
        criterion.bench_function(
            &format!("request and certificate for a given {algorithm} key"),
            |bencher| {
                bencher.iter(|| {
                    let csr = request.sign(&key, &mut Vec::new()).unwrap().verify().unwrap();
                    let profile = config.profile(None).unwrap();
                    let signing = SigningRequest { request: &csr, profile, names: None, crl_url: None };
                    issuer.sign(&signing, now, &SystemRandomness).unwrap()
                });
            },
        );
    }
    let pem = issuer.certificate().to_pem();
    criterion.bench_function("describe a certificate", |bencher| {
        bencher.iter(|| CertificateInfo::from(&Certificate::read(black_box(pem.as_bytes())).unwrap()));
    });
}

fn plans(criterion: &mut Criterion) {
    let now = OffsetDateTime::now_utc();
    let nothing = (PathBuf::from("/out"), BTreeMap::new());
    for members in [3, 1001] {
        let list: String = (0..members)
            .map(|i| format!("  - {{name: etcd{i}, address: 10.{}.{}.1}}\n", i / 256, i % 256))
            .collect();
        let text = format!("name: bench\nmembers:\n{list}");
        criterion.bench_function(&format!("read and plan {members} members"), |bencher| {
            bencher.iter(|| {
                let cluster = Cluster::from_yaml(black_box(&text), None).unwrap().value;
                Plan::new(&cluster, &nothing, now).unwrap()
            });
        });
    }
}

criterion_group!(benches, keys, certificates, plans);
criterion_main!(benches);
