//! What one thing costs: a key, a certificate, a check, a description, a plan.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use pki_core::cfssl::{CertificateInfo, Config, NewRequest, Request, SigningRequest, ca};
use pki_core::etcd::{Cluster, Plan, Snapshot};
use pki_core::x509::{
    Certificate, CertificateRequest, Issuer, KeyAlgorithm, KeySource, SystemKeys, SystemRandomness,
};
use time::OffsetDateTime;

fn issuer(now: OffsetDateTime) -> Issuer {
    let request = Request { common_name: "bench CA".to_owned(), ..Request::default() };
    let key = SystemKeys.generate(KeyAlgorithm::EcdsaP256).unwrap();
    let made = ca::create(&request, &key, now, &SystemRandomness).unwrap().value;
    Issuer::new(made.certificate, key).unwrap()
}

fn member() -> Request {
    Request {
        common_name: "etcd1".to_owned(),
        hosts: vec!["10.0.0.11".to_owned(), "etcd1.example".to_owned()],
        ..Request::default()
    }
}

fn keys(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("generate a key");
    for algorithm in KeyAlgorithm::ALL.into_iter().filter(|algorithm| *algorithm != KeyAlgorithm::Rsa8192) {
        // The search for primes takes its time, and another one each time.
        group.sample_size(if algorithm.is_rsa() { 10 } else { 100 });
        group.bench_function(algorithm.name(), |bencher| {
            bencher.iter(|| SystemKeys.generate(algorithm).unwrap());
        });
    }
}

fn certificates(criterion: &mut Criterion) {
    let now = OffsetDateTime::now_utc();
    let issuer = issuer(now);
    let config = Config::default();
    let profile = config.profile(None).unwrap().value;
    let request = member();
    for algorithm in [KeyAlgorithm::EcdsaP256, KeyAlgorithm::Rsa2048] {
        let key = SystemKeys.generate(algorithm).unwrap();
        let csr = request.sign(&key).unwrap().value;
        let pem = csr.to_pem();
        criterion.bench_function(&format!("read and check a request, {algorithm}"), |bencher| {
            bencher.iter(|| CertificateRequest::read(black_box(pem.as_bytes())).unwrap().verify().unwrap());
        });
        let csr = csr.verify().unwrap();
        let signing = SigningRequest { request: &csr, profile, subject: None, names: None, crl_url: None };
        criterion.bench_function(&format!("issue a certificate for a given {algorithm} key"), |bencher| {
            bencher.iter(|| issuer.sign(&signing, now, &SystemRandomness).unwrap());
        });
        criterion.bench_function(&format!("a CA for a given {algorithm} key"), |bencher| {
            bencher.iter(|| ca::create(&request, &key, now, &SystemRandomness).unwrap());
        });
    }
    criterion.bench_function("key, request and certificate, ecdsa-256", |bencher| {
        bencher.iter(|| {
            issuer.gencert(&NewRequest::new(&request, profile), &SystemKeys, now, &SystemRandomness).unwrap()
        });
    });
    let bundle: Vec<String> = (0..1000).map(|_| issuer.certificate().to_pem()).collect();
    criterion.bench_function("describe 1,000 certificates", |bencher| {
        bencher.iter(|| {
            let describe = |pem: &String| CertificateInfo::from(&Certificate::read(pem.as_bytes()).unwrap());
            bundle.iter().map(describe).collect::<Vec<_>>()
        });
    });
}

fn plans(criterion: &mut Criterion) {
    let now = OffsetDateTime::now_utc();
    let nothing = Snapshot::new("/out");
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
