"""Do nsiso's documented calls keep clone(2)'s, setns(2)'s and unshare(2)'s contract?"""
