"""What the tests share: clients, servers, databases, stand-ins, the catalogue of example calls."""
