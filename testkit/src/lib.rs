//! Real servers for tests: started on free ports, stopped by process id. Never part of the product.
