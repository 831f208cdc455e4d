//! The client: each scenario on a channel of its own, which is closed in good order before the next begins.

mod scenarios;

use std::{
    env,
    error::Error,
    pin::Pin,
    time::{Duration, Instant},
};

use hyper::rt::Executor;
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tonic::{
    Code, Request, Status,
    metadata::{Ascii, MetadataKey, MetadataValue},
    service::interceptor::InterceptedService,
    transport::{Channel, Endpoint},
};

pub(crate) use scenarios::SCENARIOS;

/// Connecting included.
const CALL_LIMIT: Duration = Duration::from_secs(20);
const CLOSE_LIMIT: Duration = Duration::from_secs(2);
/// hyper accepts any interval; the matrix asks for no more than ten PINGs a second.
const KEEPALIVE_INTERVAL: Duration = Duration::from_millis(100);

/// Runs the scenarios, names parted by commas, and prints an outcome for each.
///
/// # Errors
///
/// A scenario that does not exist, an address or a `MATRIX_METADATA` that cannot be read: nothing a peer can cause.
pub(crate) async fn run(scenarios: &str, address: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
    let metadata = Metadata::from_environment()?;
    for scenario in scenarios.split(',') {
        if !SCENARIOS.contains(&scenario) {
            return Err(format!("{scenario:?} is none of {SCENARIOS:?}").into());
        }
        let connections = TaskTracker::new();
        let mut endpoint = Endpoint::from_shared(format!("http://{address}"))?.executor(Tracked(connections.clone()));
        if scenario == "keepalive" {
            endpoint = endpoint.http2_keep_alive_interval(KEEPALIVE_INTERVAL).keep_alive_while_idle(true);
        }
        let result = within(CALL_LIMIT, async {
            let channel = match scenario {
                "idle" => endpoint.connect().await.map_err(|error| Status::from_error(error.into()))?,
                _ => endpoint.connect_lazy(),
            };
            scenarios::run(scenario, InterceptedService::new(channel, metadata.clone())).await
        });
        println!("{}", outcome(scenario, result.await));
        // A connection that ends with the process would lose its last frames: RST_STREAM, GOAWAY. A peer that does not
        // take them is not waited for any longer.
        connections.close();
        let _late = timeout(CLOSE_LIMIT, connections.wait()).await.is_err();
    }
    Ok(())
}

/// A connection through which every call goes with the metadata of `MATRIX_METADATA`.
type Connection = InterceptedService<Channel, Metadata>;

fn outcome(scenario: &str, result: Result<Value, Status>) -> Value {
    let mut outcome = json!({"scenario": scenario, "code": 0, "message": ""});
    match result {
        Ok(fields) => {
            let fields = fields.as_object().into_iter().flatten();
            fields.for_each(|(name, value)| outcome[name] = value.clone());
        }
        Err(status) => {
            outcome["code"] = json!(status.code() as i32);
            outcome["message"] = json!(status.message());
        }
    }
    outcome
}

/// A deadline as other gRPC libraries keep it. tonic's own ends with the answer's headers, and tells CANCELLED; so
/// does the stream of a server that was faster to notice.
async fn within<T>(limit: Duration, call: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    let started = Instant::now();
    match timeout(limit, call).await {
        Ok(Err(status)) if status.code() == Code::Cancelled && started.elapsed() >= limit => {
            Err(Status::deadline_exceeded(status.message()))
        }
        Ok(result) => result,
        Err(_) => Err(Status::deadline_exceeded(format!("no end within {limit:?}"))),
    }
}

/// What every call carries: `MATRIX_METADATA`, and a `grpc-timeout` unless the call has one.
#[derive(Clone)]
struct Metadata(Vec<(MetadataKey<Ascii>, MetadataValue<Ascii>)>);

impl Metadata {
    fn from_environment() -> Result<Self, Box<dyn Error + Send + Sync>> {
        let variable = env::var("MATRIX_METADATA").unwrap_or_default();
        let pairs = variable.split(',').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').ok_or_else(|| format!("MATRIX_METADATA: {pair:?} has no `=`"))?;
            Ok((name.parse()?, value.parse()?))
        });
        Ok(Self(pairs.collect::<Result<_, Box<dyn Error + Send + Sync>>>()?))
    }
}

impl tonic::service::Interceptor for Metadata {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if !request.metadata().contains_key("grpc-timeout") {
            request.set_timeout(CALL_LIMIT);
        }
        for (name, value) in &self.0 {
            request.metadata_mut().append(name, value.clone());
        }
        Ok(request)
    }
}

/// Knows when the tasks that drive connections have ended.
struct Tracked(TaskTracker);

impl Executor<Pin<Box<dyn Future<Output = ()> + Send>>> for Tracked {
    fn execute(&self, task: Pin<Box<dyn Future<Output = ()> + Send>>) {
        self.0.spawn(task);
    }
}
