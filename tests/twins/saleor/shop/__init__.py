"""The shop itself: what it sells, what it costs, what happens to orders. It knows no network."""
