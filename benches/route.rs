//! What one routing decision costs, by the number of rules.
//!
//! `exact` rules are found by hash, so their number must not show. `scan` rules are asked one after the other: the last
//! of them wins here, the worst case.

#![allow(missing_docs, reason = "criterion's macros make public items")]
#![allow(clippy::expect_used, reason = "a bench with a wrong fixture must stop")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use spliceway::route::{Facts, Match, PoolId, Protocol, Rule, Table};
use spliceway::wire::head::RequestHead;

/// A table of as many rules as asked for. The numbers have one width, so that none is the prefix of another.
fn table(count: usize, operator: &str) -> Table {
    let rule = |tenant: usize| {
        let text = format!("x-tenant{operator}tenant-{tenant:05}");
        let matcher = Match::parse(&text).expect("the line is well-formed");
        Rule { listener: None, matcher, text, pool: PoolId(tenant) }
    };
    Table::new((0..count).map(rule).collect())
}

/// What grpc-go sends, and the field that is routed by.
fn grpc_head(tenant: usize) -> RequestHead {
    let mut head = RequestHead::default();
    let tenant = format!("tenant-{tenant:05}");
    let fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/shop.v1.Cart/Add"),
        (":authority", "cart.shop.example:8080"),
        ("content-type", "application/grpc"),
        ("user-agent", "grpc-go/1.80.0"),
        ("te", "trailers"),
        ("grpc-timeout", "4999927u"),
        ("x-tenant", &tenant),
    ];
    for (name, value) in fields {
        head.push(name.as_bytes(), value.as_bytes());
    }
    head
}

fn route(criterion: &mut Criterion) {
    for (name, operator) in [("route/exact", "="), ("route/scan", "^=")] {
        let mut group = criterion.benchmark_group(name);
        for count in [1, 100, 10_000] {
            let table = table(count, operator);
            let request = grpc_head(count - 1);
            let facts = Facts {
                listener: "grpc",
                protocol: Protocol::H2c,
                source: None,
                destination: None,
                request: Some(&request),
                sni: None,
                alpn: &[],
                tlvs: &[],
            };
            let found = table.route(&facts).expect("no refusal").map(|rule| rule.pool);
            assert!(found.is_some());
            group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
                bencher.iter(|| table.route(black_box(&facts)).is_ok_and(|rule| rule.is_some()));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, route);
criterion_main!(benches);
