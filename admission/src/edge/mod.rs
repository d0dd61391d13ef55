//! What an edge knows and remembers of its rooms (pure), and the agent that batches and ticks.
