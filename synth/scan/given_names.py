"""Common given names, so that "Maria Lopez" is known for a person and "Hampden County" is not."""

import pyarrow as pa

_NAMES = """
Aaron Adam Ahmed Alan Albert Alejandro Alex Alexander Alexandra Alice Alicia Amanda Amber Amy Ana Andrea
Andrew Angela Ann Anna Anne Anthony Antonio Arthur Ashley Barbara Benjamin Bernd Betty Beverly Brandon
Brenda Brian Bruce Bryan Carl Carla Carlos Carmen Carol Carolyn Catherine Charles Cheryl Chris Christian
Christina Christine Christopher Claudia Craig Cynthia Daniel David Deborah Debra Denise Dennis Diana Diane
Diego Donald Donna Doris Dorothy Douglas Dylan Edward Elena Elizabeth Emily Emma Eric Eugene Eva Fatima
Fernando Frances Francisco Frank Gabriel Gary George Gerald Gloria Grace Gregory Hannah Harold Heather
Helen Henry Howard Ian Isabel Ivan Jack Jacob Jacqueline James Jan Jane Janet Janice Jason Javier Jean
Jeffrey Jennifer Jeremy Jerry Jesse Jessica Jim Joan Joe Johann John Johnny Jonathan Jorge Jose José Joseph
Joshua Joyce Juan Judith Judy Julia Julie Justin Karen Karl Katherine Kathleen Keith Kelly Kenneth Kevin
Kimberly Kyle Larry Laura Lauren Lawrence Linda Lisa Lori Louis Luis Maria María Marie Marilyn Mario Mark
Martha Martin Mary Matthew Megan Melissa Michael Michelle Miguel Mike Mohamed Mohammed Muhammad Nancy
Natalie Nathan Nicholas Nicole Noah Olivia Pablo Pamela Patricia Patrick Paul Paula Pedro Peter Philip
Phillip Priya Rachel Ralph Randy Raymond Rebecca Ricardo Richard Robert Roger Ronald Rosa Rose Russell Ruth
Ryan Samantha Samuel Sandra Sara Sarah Scott Sean Sergio Sharon Shirley Sofia Sophia Stephanie Stephen Steve
Steven Susan Susanne Teresa Theresa Thomas Tim Timothy Tyler Ursula Victor Victoria Vincent Walter Wayne
William Willie Wolfgang Zachary
"""

GIVEN_NAMES = pa.array(sorted(_NAMES.split()))
