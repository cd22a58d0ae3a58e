"""Ways to learn grades on an ordered scale: a file a loss, each a pure function of outputs and level numbers.

A level's number is its rank from 0. Every loss gives [n], each item's own; none of them knows missing labels.
"""
