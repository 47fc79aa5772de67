"""A lake table of people who do not exist, made by the product itself: for the demo and the tests."""
