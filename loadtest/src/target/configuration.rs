//! Configurations of the proxies: as much alike as they can be.
//!
//! Common to all: two relaying threads, plain TCP, a listener a backend, no health checks, time-outs longer than any
//! run, and limits of connections above what the workloads open. Whatever is not named is each one's default. That is
//! not the same for all of them: spliceway looks at the first bytes and logs every connection, the others do neither.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;

use crate::workload::Service;

/// A listener and the backend behind it.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// Which backend.
    pub service: Service,
    /// Where clients connect.
    pub listen: SocketAddr,
    /// Where they are connected to.
    pub backend: SocketAddr,
}

/// What is not as it is by default in a configuration of ours.
#[derive(Clone, Copy, Debug)]
pub struct Variant {
    /// As the key.
    pub engine: &'static str,
    /// Later requests are looked at.
    pub watch: bool,
    /// Threads are left to the scheduler.
    pub unpinned: bool,
}

/// Ours: everything as it is by default, but for this.
pub fn spliceway(routes: &[Route], Variant { engine, watch, unpinned }: Variant) -> String {
    let mut text = format!("shards = 2\nengine = \"{engine}\"\nlog = \"json\"\n");
    if unpinned {
        text.push_str("pin = false\n");
    }
    for Route { service, listen, backend } in routes {
        let name = service.name();
        put(
            &mut text,
            format_args!("\n[[listener]]\nname = \"{name}\"\nbind = \"{listen}\"\ndefault_pool = \"{name}\"\n"),
        );
        if watch {
            text.push_str("watch = true\n");
        }
        put(&mut text, format_args!("\n[[pool]]\nname = \"{name}\"\nbackends = \"{backend}\"\n"));
    }
    if watch {
        // So that there is something to judge requests by.
        let first = routes.first().map_or("", |route| route.service.name());
        put(&mut text, format_args!("\n[[route]]\nmatch = \"x-namespace=other\"\npool = \"{first}\"\n"));
    }
    text
}

/// HAProxy. Its limit of connections reserves descriptors at start, pipes included; so it is just above what is needed.
/// With splicing it does so always: left to its own judgement (`splice-auto`) it was seen to splice next to nothing.
pub fn haproxy(routes: &[Route], splice: bool) -> String {
    let mut text = "global\n  nbthread 2\n  maxconn 4500\n\
                    defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 1h\n  timeout server 1h\n"
        .to_owned();
    if splice {
        text.push_str("  option splice-request\n  option splice-response\n");
    }
    for Route { service, listen, backend } in routes {
        let name = service.name();
        put(&mut text, format_args!("listen {name}\n  bind {listen}\n  server backend {backend}\n"));
    }
    text
}

/// nginx; `module` is the stream module where it is not built in.
pub fn nginx(routes: &[Route], module: Option<&Path>, folder: &Path) -> String {
    let mut text = String::new();
    if let Some(module) = module {
        put(&mut text, format_args!("load_module {};\n", module.display()));
    }
    text.push_str("daemon off;\nworker_processes 2;\nerror_log stderr;\n");
    put(&mut text, format_args!("pid {};\n", folder.join("nginx.pid").display()));
    text.push_str("events { worker_connections 16384; }\nstream {\n");
    for Route { listen, backend, .. } in routes {
        let server = format!("listen {listen} reuseport; proxy_pass {backend}; proxy_timeout 1h;");
        put(&mut text, format_args!("  server {{ {server} }}\n"));
    }
    text.push_str("}\n");
    text
}

/// Envoy. Its circuit breaker would let no more than 1,024 connections through.
pub fn envoy(routes: &[Route]) -> String {
    let address = |address: &SocketAddr| {
        format!("{{ socket_address: {{ address: \"{}\", port_value: {} }} }}", address.ip(), address.port())
    };
    let filter = "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy";
    let mut text = "static_resources:\n  listeners:\n".to_owned();
    for Route { service, listen, .. } in routes {
        let name = service.name();
        let config = format!("{{ \"@type\": {filter}, stat_prefix: {name}, cluster: {name} }}");
        let filters = format!("[{{ name: envoy.filters.network.tcp_proxy, typed_config: {config} }}]");
        put(&mut text, format_args!("  - name: {name}\n    address: {}\n", address(listen)));
        put(&mut text, format_args!("    filter_chains: [{{ filters: {filters} }}]\n"));
    }
    text.push_str("  clusters:\n");
    for Route { service, backend, .. } in routes {
        let name = service.name();
        let endpoint = format!("{{ endpoint: {{ address: {} }} }}", address(backend));
        put(&mut text, format_args!("  - name: {name}\n    type: STATIC\n    connect_timeout: 5s\n"));
        text.push_str(
            "    circuit_breakers: { thresholds: [{ max_connections: 100000, max_pending_requests: 100000 }] }\n",
        );
        let endpoints = format!("[{{ lb_endpoints: [{endpoint}] }}]");
        put(&mut text, format_args!("    load_assignment: {{ cluster_name: {name}, endpoints: {endpoints} }}\n"));
    }
    text
}

fn put(text: &mut String, part: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    text.write_fmt(part).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes() -> [Route; 2] {
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        [
            Route { service: Service::Echo, listen: address(1001), backend: address(2001) },
            Route { service: Service::Bulk, listen: address(1002), backend: address(2002) },
        ]
    }

    #[test]
    fn spliceway_has_a_listener_and_a_pool_a_backend() {
        let expected = r#"shards = 2
engine = "epoll"
log = "json"

[[listener]]
name = "echo"
bind = "127.0.0.1:1001"
default_pool = "echo"

[[pool]]
name = "echo"
backends = "127.0.0.1:2001"

[[listener]]
name = "bulk"
bind = "127.0.0.1:1002"
default_pool = "bulk"

[[pool]]
name = "bulk"
backends = "127.0.0.1:2002"
"#;
        let plain = Variant { engine: "epoll", watch: false, unpinned: false };
        assert_eq!(spliceway(&routes(), plain), expected);
        let unpinned = spliceway(&routes(), Variant { unpinned: true, ..plain });
        assert_eq!(unpinned, expected.replacen("\n\n", "\npin = false\n\n", 1));
        let watched = spliceway(&routes(), Variant { watch: true, ..plain });
        assert_eq!(watched.matches("\nwatch = true\n").count(), 2);
        assert!(watched.ends_with("\n[[route]]\nmatch = \"x-namespace=other\"\npool = \"echo\"\n"));
    }

    #[test]
    fn haproxy_splices_only_when_it_should() {
        let text = haproxy(&routes()[..1], true);
        assert!(text.contains("\n  option splice-request\n  option splice-response\n"));
        assert!(text.ends_with("listen echo\n  bind 127.0.0.1:1001\n  server backend 127.0.0.1:2001\n"));
        assert!(!haproxy(&routes(), false).contains("splice"));
    }

    #[test]
    fn nginx_loads_its_module_where_it_is_one() {
        let text = nginx(&routes()[..1], Some(Path::new("/m/ngx_stream_module.so")), Path::new("/f"));
        let expected = "load_module /m/ngx_stream_module.so;\ndaemon off;\nworker_processes 2;\nerror_log stderr;\n\
                        pid /f/nginx.pid;\nevents { worker_connections 16384; }\nstream {\n  server { listen \
                        127.0.0.1:1001 reuseport; proxy_pass 127.0.0.1:2001; proxy_timeout 1h; }\n}\n";
        assert_eq!(text, expected);
        assert!(nginx(&routes(), None, Path::new("/f")).starts_with("daemon off;"));
    }

    #[test]
    fn envoy_has_a_cluster_a_listener() {
        let text = envoy(&routes());
        assert_eq!(text.matches("tcp_proxy.v3.TcpProxy").count(), 2);
        assert_eq!(text.matches("max_connections: 100000").count(), 2);
        assert!(text.contains("  - name: bulk\n    type: STATIC\n"));
        assert!(text.contains("{ socket_address: { address: \"127.0.0.1\", port_value: 2002 } }"));
    }
}
