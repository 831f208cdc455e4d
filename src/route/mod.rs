//! Which backend a connection goes to.
//!
//! A rule is a [`Match`], one line of text, and the pool it leads to. [`Table`] finds the first rule that holds for the
//! [`Facts`] of a connection, [`Balancer`] the backend of its pool:
//!
//! ```text
//! "x-namespace=billing" ─ Match::parse ─► Rule ─► Table ─ route(facts) ─► PoolId ─► Balancer ─► backends to try
//! ```
//!
//! The decision is made once a connection, from its first request. It must not be possible to make us and the backend
//! read that request differently, so the table refuses what two readers may read in two ways (see [`Refusal`]).
//!
//! Nothing here sees a socket or a clock: the same facts always get the same answer.

mod balance;
mod error;
mod facts;
mod grammar;
mod index;
mod key;
mod operator;
mod path;
mod pool;
mod refusal;
mod rule;
mod table;
mod term;
mod tlv;
mod value;

pub use balance::Balancer;
pub use error::MatchError;
pub use facts::{Facts, Protocol};
pub use grammar::Match;
pub use pool::{Address, Backend, Pool, PoolId, SendProxy};
pub use refusal::Refusal;
pub use rule::Rule;
pub use table::Table;
