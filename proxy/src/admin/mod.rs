//! Admin listener: health, metrics, rooms, OpenAPI, one live page per room.
