"""A run killed ten times at random moments, each time taken up on another number of ranks: weights, metrics and row ledger are the undisturbed run's."""
import os
import random
import signal
import tempfile
import unittest

from commands import kill_tree
from disturbed import Journey, ranks_of

KILLS = 10


class KillResume(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="cohort-kills-")
        self.addCleanup(temporary.cleanup)
        self.folder = temporary.name

    def kill_one_rank(self, process, chance):
        """mpirun ends the others, and says so by its status."""
        os.kill(chance.choice(ranks_of(process)), signal.SIGKILL)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 128 + signal.SIGKILL)

    def check(self, net, seed):
        journey = Journey(self.folder, net)
        self.assertTrue(journey.expected["proven"])
        chance = random.Random(seed)
        for kill in range(KILLS):
            process = journey.start("killed", chance.randint(1, 4))
            # Most in training, some before it.
            steps = chance.randint(1, 40) if kill % 4 else 0
            self.assertTrue(journey.wait_for_steps(process, "killed", steps), "the run ended before it could be killed")
            if chance.random() < 0.5 and steps:
                self.kill_one_rank(process, chance)
            else:
                kill_tree(process)
                process.stderr.close()
        self.assertEqual(journey.finish("killed", chance.randint(1, 4)), journey.expected)

    def test_a_dense_net(self):
        self.check("dense", 17)

    def test_a_net_with_sharded_embeddings(self):
        self.check("embeddings", 19)


if __name__ == "__main__":
    unittest.main()
