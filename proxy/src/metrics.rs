//! Every metric of the edge, in one place, with bounded labels.
