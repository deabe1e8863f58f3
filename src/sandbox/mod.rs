//! A Qpien-like server to rehearse against.
