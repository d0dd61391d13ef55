//! Keys on disk: read, written, rotated, watched. The rules are in `stanchion_admission::keys`.
