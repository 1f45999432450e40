"""Cases of silent failure: small inputs that go wrong without a word, and what danlu and its peers do with them."""
