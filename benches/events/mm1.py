"""M/M/1 in SimPy, the way its documentation has a bank with one counter: a process for each customer, who requests
a resource, holds it for an exponential time and leaves.

Prints one JSON object: arrivals and departures, the wall-clock time in seconds, and the mean time in system.
"""

import json
import random
import sys
import time

import simpy


class Bank:
    def __init__(self, rate, seed):
        self.env = simpy.Environment()
        self.counter = simpy.Resource(self.env, capacity=1)
        self.random = random.Random(seed)
        self.rate = rate
        self.arrived = 0
        self.left = 0
        self.total = 0.0

    def source(self):
        while True:
            yield self.env.timeout(self.random.expovariate(self.rate))
            self.arrived += 1
            self.env.process(self.customer())

    def customer(self):
        came = self.env.now
        with self.counter.request() as request:
            yield request
            yield self.env.timeout(self.random.expovariate(1.0))
        self.left += 1
        self.total += self.env.now - came


def main():
    rate, until, seed = float(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    bank = Bank(rate, seed)
    bank.env.process(bank.source())
    start = time.perf_counter()
    bank.env.run(until=until)
    seconds = time.perf_counter() - start
    mean = bank.total / bank.left
    print(json.dumps({"events": bank.arrived + bank.left, "seconds": seconds, "mean": mean}))


main()
