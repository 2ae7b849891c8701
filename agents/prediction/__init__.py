"""`python -m agents.compare benchmark=reward_prediction`: can a reward say, step by step, how far a task is done?"""
