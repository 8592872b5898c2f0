//! Head sampling by the standard variables: decided once per trace, by its id, and passed on.

mod sampler;

pub(crate) use self::sampler::Sampler;
