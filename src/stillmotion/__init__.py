"""Does your video need motion?"""
