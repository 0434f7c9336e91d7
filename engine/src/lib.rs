//! ipengine: one engine of a cluster.
