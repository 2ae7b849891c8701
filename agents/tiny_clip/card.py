def write_card(*a):
    print("card todo")
