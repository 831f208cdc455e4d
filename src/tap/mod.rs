//! The tap: what a sampled connection carried, explained byte by byte.
//!
//! A sample is a copy. The tap may lose it and say so; it never delays, changes or closes the traffic it looks at.
//!
//! ```text
//!   shard: sampler ── Sample::copy ──► queue ──► reader ──► decoder ──► render ──► text
//!                                                              ▲           ▲
//!                                                        event (the model) protobuf (schemas)
//! ```

#![forbid(unsafe_code)]

pub mod budget;
pub mod decoder;
pub mod event;
pub mod explainer;
pub mod protobuf;
pub mod queue;
pub mod reader;
pub mod render;
pub mod sampler;
