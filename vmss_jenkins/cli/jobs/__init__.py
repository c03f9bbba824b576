"""Commands about Jenkins jobs: render, seed, hand over, test results, migrate."""
