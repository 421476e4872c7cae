"""What the event was like, in numbers, sentences and pictures: who came, when, where, for how long, who was refused.

``tallies`` counts passages, ``presence`` follows stays, ``audience`` counts people; ``day`` puts them together for one
day or all of them; ``tables`` and ``findings`` say it, ``bars`` and ``panels`` draw it. Only reads, and never a
person's name. *People* are holders of badges, each counted once; *bodies* are everybody inside, with a badge or
without; *entries* and *refusals* are counted each time.
"""
